<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body">
<?cs if:Form.Error ?><div class="alert alert-danger" role="alert" id="form-error"><?cs call:icon("alert-triangle") ?><div class="ms-2"><h2 class="alert-title"><?cs if:Draft.Conflict == "1" ?><?cs var:T.Bots.Flow.ConflictHead ?><?cs else ?><?cs var:T.Bots.Flow.NotSaved ?><?cs /if ?></h2>
<div><?cs if:Draft.Conflict == "1" ?><?cs var:T.Bots.Flow.ConflictText ?><?cs else ?><?cs var:Form.Message ?><?cs /if ?></div>
<?cs if:Form.Line ?><div><?cs var:T.Bots.Flow.Line ?> <a href="#f-flow" data-goto-line="<?cs var:Form.Line ?>"><?cs var:Form.Line ?></a><?cs if:Form.Field ?>, <code><?cs var:Form.Field ?></code><?cs /if ?></div><?cs elif:Form.Field ?><div><code><?cs var:Form.Field ?></code></div><?cs /if ?></div></div>
<?cs /if ?>
<div class="two-columns even">
<section class="card" aria-labelledby="s-nodes"><div class="card-header"><h2 class="card-title" id="s-nodes"><?cs var:T.Bots.Flow.Nodes ?></h2><?cs if:Can.BotWrite == "1" ?><div class="card-actions only-narrow"><a href="#s-edit"><?cs var:T.Bots.Flow.Editor ?></a></div><?cs /if ?></div>
<div class="card-body"><?cs include!"portal/bots/nodes.cs" ?></div></section>
<div>
<section class="card" aria-labelledby="s-check"><div class="card-body"><h2 class="card-title" id="s-check"><?cs var:T.Bots.Bot.CheckHead ?></h2><?cs include!"portal/bots/check.cs" ?></div></section>
<?cs if:Can.BotWrite == "1" ?><section class="card" aria-labelledby="s-edit"><div class="card-header"><h2 class="card-title" id="s-edit"><?cs var:T.Bots.Flow.Editor ?></h2></div>
<form class="card-body" method="post" action="/app/bots/<?cs var:Bot.Id ?>/flow" enctype="multipart/form-data" data-once data-guard>
<?cs call:csrf() ?><input type="hidden" name="revision" value="<?cs var:Draft.Revision ?>">
<label class="form-label" for="f-flow"><?cs var:T.Bots.Flow.Label ?></label>
<textarea class="form-control font-monospace flow-text" id="f-flow" name="flow" rows="28" spellcheck="false" autocapitalize="off" autocomplete="off" aria-describedby="h-flow" wrap="off"><?cs var:Draft.Text ?></textarea>
<small class="form-hint" id="h-flow"><?cs var:T.Bots.Flow.Hint ?> <a href="/schema/flow-1.json" target="_blank" rel="noopener"><?cs var:T.Bots.Flow.Schema ?></a>. <?cs var:T.Bots.Flow.Secrets ?> <a href="/app/secrets"><?cs var:T.Bots.Flow.SecretsLink ?></a>.</small>
<div class="form-end"><?cs if:Draft.Conflict == "1" ?><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/flow"><?cs var:T.Bots.Flow.TakeTheirs ?></a><button class="btn btn-danger"><?cs var:T.Bots.Flow.KeepMine ?></button><?cs else ?><button class="btn btn-primary"><?cs var:T.Bots.Flow.Save ?></button><?cs /if ?></div>
</form></section>
<?cs if:Draft.Conflict == "1" ?><section class="card" aria-labelledby="s-theirs"><div class="card-header"><h2 class="card-title" id="s-theirs"><?cs var:T.Bots.Flow.Theirs ?></h2></div><div class="card-body"><label class="visually-hidden" for="f-theirs"><?cs var:T.Bots.Flow.Theirs ?></label><textarea class="form-control font-monospace flow-text" id="f-theirs" rows="20" readonly wrap="off"><?cs var:Draft.Saved ?></textarea></div></section>
<?cs /if ?><?cs /if ?></div>
</div></div>
<?cs include!"layout/bottom.cs" ?>
