<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<a class="back-link" href="/app/bots/<?cs var:Bot.Id ?>/engines"><?cs call:icon("chevron-left") ?><?cs var:T.Bots.Engines.Head ?></a>
<h2 class="h2"><?cs var:T.Bots.Canary.Head ?></h2>
<p class="text-secondary"><?cs var:T.Bots.Canary.Text ?></p>
<?cs call:form_error() ?>
<?cs if:Canary.Running == "1" ?><form class="card mb-3" method="post" action="/app/bots/<?cs var:Bot.Id ?>/canary/end" data-once><div class="card-body"><h3 class="card-title"><?cs var:T.Bots.Canary.Running ?></h3><p><?cs var:T.Bots.Canary.RunningText ?></p><?cs call:csrf() ?><button class="btn"><?cs var:T.Bots.Canary.End ?></button></div></form>
<?cs /if ?><?cs if:Bot.Live == "0" ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("history") ?></div><h3 class="empty-title"><?cs var:T.Bots.Canary.EmptyHead ?></h3><p class="empty-subtitle text-secondary"><?cs var:T.Bots.Canary.EmptyText ?></p></div></div>
<?cs else ?><form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/canary" data-once<?cs if:Canary.Any == "1" ?> data-confirm="<?cs var:T.Bots.Canary.BeginAsk ?>"<?cs /if ?>><div class="card-body">
<h3 class="card-title"><?cs var:T.Bots.Canary.New ?></h3>
<?cs call:csrf() ?><div class="mb-3"><label class="form-label" for="f-percent"><?cs var:T.Bots.Canary.Percent ?></label><input class="form-control<?cs if:Form.Field == "/percent" ?> is-invalid<?cs /if ?>" id="f-percent" name="percent" value="<?cs if:Form.Error ?><?cs var:Canary.Typed ?><?cs else ?><?cs var:Canary.First ?><?cs /if ?>" inputmode="numeric" maxlength="3" aria-describedby="h-percent<?cs if:Form.Field == "/percent" ?> form-error<?cs /if ?>"><small class="form-hint" id="h-percent"><?cs var:T.Bots.Canary.PercentHint ?> <?cs var:Canary.Most ?>.</small></div>
<div class="mb-3"><label class="form-label" for="f-version"><?cs var:T.Field.Version ?></label><select class="form-select<?cs if:Form.Field == "/version" ?> is-invalid<?cs /if ?>" id="f-version" name="version"<?cs if:Form.Field == "/version" ?> aria-describedby="form-error"<?cs /if ?>><option value="0"><?cs var:T.Bots.Canary.LiveVersion ?></option><?cs each:v = Versions ?><option value="<?cs var:v.N ?>"<?cs if:v.Selected == "1" ?> selected<?cs /if ?>><?cs var:T.Field.Version ?> <?cs var:v.N ?><?cs if:v.Note ?>: <?cs var:v.Note ?><?cs /if ?></option><?cs /each ?></select></div>
<?cs if:subcount(Places) ?><fieldset class="mb-3"><legend class="form-label"><?cs var:T.Bots.Canary.Chain ?></legend><p class="form-hint"><?cs var:T.Bots.Canary.ChainHint ?></p>
<?cs each:p = Places ?><div class="mb-2"><label class="visually-hidden" for="f-engine-<?cs var:p.Number ?>"><?cs var:T.Bots.Engines.Place ?> <?cs var:p.Number ?></label><select class="form-select" id="f-engine-<?cs var:p.Number ?>" name="engine_<?cs var:p.Number ?>"><option value=""><?cs var:p.Number ?>. <?cs var:T.Bots.Engines.None ?></option><?cs each:g = p.Engines ?><option value="<?cs var:g.Id ?>"<?cs if:g.Selected == "1" ?> selected<?cs /if ?>><?cs var:p.Number ?>. <?cs var:g.Name ?></option><?cs /each ?></select></div>
<?cs /each ?></fieldset><?cs /if ?>
<div class="form-end"><button class="btn btn-primary"><?cs var:T.Bots.Canary.Begin ?></button></div>
</div></form><?cs /if ?>
</div></div>
<?cs include!"layout/bottom.cs" ?>
