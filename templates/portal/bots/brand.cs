<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs var:T.Bots.Brand.Head ?></h2>
<p class="text-secondary"><?cs var:T.Bots.Brand.Text ?></p>
<?cs call:form_error() ?>
<form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/brand" data-once><div class="card-body">
<?cs call:csrf() ?>
<div class="mb-3"><label class="form-label" for="f-name"><?cs var:T.Bots.Brand.Name ?></label><input class="form-control<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" value="<?cs var:Brand.name ?>" maxlength="<?cs var:Brand.NameMax ?>" autocomplete="organization" aria-describedby="h-name<?cs if:Form.Field == "name" ?> form-error<?cs /if ?>"><small class="form-hint" id="h-name"><?cs var:T.Bots.Brand.NameHint ?></small></div>
<div><label class="form-label" for="f-link"><?cs var:T.Bots.Brand.Link ?></label><input class="form-control<?cs if:Form.Field == "link" ?> is-invalid<?cs /if ?>" id="f-link" name="link" type="url" inputmode="url" value="<?cs var:Brand.link ?>" maxlength="<?cs var:Brand.LinkMax ?>" placeholder="https://"<?cs if:Form.Field == "link" ?> aria-describedby="form-error"<?cs /if ?>></div>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app/bots/<?cs var:Bot.Id ?>"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div>
</div></form>
</div></div>
<?cs include!"layout/bottom.cs" ?>
