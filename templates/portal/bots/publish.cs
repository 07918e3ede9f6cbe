<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs if:Bot.Differs == "1" || Bot.Live == "0" ?><?cs var:T.Bots.Publish.Title ?><?cs else ?><?cs var:T.Bots.Publish.Nothing ?><?cs /if ?></h2>
<?cs call:form_error() ?>
<section class="card" aria-labelledby="s-check"><div class="card-body"><h3 class="card-title" id="s-check"><?cs var:T.Bots.Bot.CheckHead ?></h3><?cs include!"portal/bots/check.cs" ?></div></section>
<?cs if:#Bot.Live > #0 ?><section class="card" aria-labelledby="s-changes"><div class="card-body"><h3 class="card-title" id="s-changes"><?cs var:T.Bots.Publish.Changes ?></h3><?cs include!"portal/bots/changes.cs" ?></div></section>
<?cs /if ?><?cs if:Can.BotPublish == "1" ?><?cs if:Bot.Differs == "1" || Bot.Live == "0" ?><form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/publish" data-once><div class="card-body"><?cs call:csrf() ?><input type="hidden" name="revision" value="<?cs var:Draft.Revision ?>">
<label class="form-label" for="f-note"><?cs var:T.Bots.Publish.Note ?></label><input class="form-control" id="f-note" name="note" maxlength="500" value="<?cs var:Form.note ?>" aria-describedby="h-note"><small class="form-hint" id="h-note"><?cs var:T.Bots.Publish.NoteHint ?></small>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app/bots/<?cs var:Bot.Id ?>"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"<?cs if:Check.Ok != "1" ?> disabled<?cs /if ?>><?cs call:icon("rocket") ?><?cs var:T.Bots.Publish.Button ?></button></div>
<?cs if:Check.Ok != "1" ?><p class="text-secondary mt-2 mb-0"><?cs var:T.Bots.Publish.Blocked ?> <a href="/app/bots/<?cs var:Bot.Id ?>/flow"><?cs var:T.Bots.Publish.ToFlow ?></a></p><?cs /if ?>
</div></form><?cs /if ?><?cs /if ?></div></div>
<?cs include!"layout/bottom.cs" ?>
