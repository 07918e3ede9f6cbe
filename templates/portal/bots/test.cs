<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?><?cs include!"layout/messages.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<div class="head-row"><p class="text-secondary mb-0"><?cs var:T.Bots.Test.Text ?></p><div class="head-actions"><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/test"><?cs call:icon("arrow-back-up") ?><?cs var:T.Bots.Test.Restart ?></a></div></div>
<div id="chat" data-chat>
<?cs if:Test.Notice ?><div class="alert alert-info" role="status"><?cs call:icon("info-circle") ?><div class="ms-2"><?cs var:Test.Notice ?></div></div><?cs /if ?>
<?cs call:form_error() ?>
<form method="post" action="/app/bots/<?cs var:Bot.Id ?>/test" class="card chat-card" data-chat-form>
<?cs call:csrf() ?><input type="hidden" name="state" value="<?cs var:Test.State ?>"><button class="visually-hidden" tabindex="-1" aria-hidden="true"></button>
<div class="chat-log" role="log" aria-label="<?cs var:T.Bots.Test.Log ?>" tabindex="0">
<?cs if:!subcount(Messages) ?><p class="text-secondary text-center my-auto"><?cs var:T.Bots.Test.Empty ?></p><?cs /if ?>
<?cs each:m = Messages ?><div class="chat-row <?cs var:m.From ?>"><?cs call:message(m) ?></div>
<?cs if:subcount(m.Path) ?><p class="chat-path"><span class="visually-hidden"><?cs var:T.Bots.Test.Path ?></span><?cs call:icon("route") ?><?cs each:p = m.Path ?><a class="badge node-<?cs var:p.Type ?>" href="/app/bots/<?cs var:Bot.Id ?>/flow#node-<?cs var:p.Node ?>"><?cs var:p.Node ?></a><?cs if:p.Fault ?><span class="chat-fault"><?cs var:p.Fault ?></span><?cs /if ?><?cs /each ?></p>
<?cs each:p = m.Path ?><?cs if:subcount(p.Tries) ?><details class="chat-asked"><summary><?cs var:p.Node ?>: <?cs each:t = p.Tries ?><span class="chat-try"><?cs var:t.Engine ?><?cs if:t.Model ?>, <?cs var:t.Model ?><?cs /if ?><?cs if:t.Tokens ?>, <?cs var:t.Tokens ?><?cs /if ?>, <?cs var:t.Time ?><?cs if:t.Fault ?> <span class="chat-fault"><?cs var:t.Fault ?></span><?cs /if ?></span><?cs /each ?><?cs if:p.Handoff ?><span class="chat-try"><?cs var:p.Handoff ?></span><?cs /if ?></summary>
<p class="chat-sent"><?cs var:T.Bots.Test.Sent ?></p><dl><?cs each:s = p.Sent ?><dt><?cs var:s.Role ?></dt><dd><?cs var:s.Text ?></dd><?cs /each ?></dl><?cs if:p.Cut == "1" ?><p><?cs var:T.Bots.Test.Cut ?></p><?cs /if ?></details><?cs /if ?><?cs /each ?>
<?cs /if ?><?cs if:m.Last == "1" ?><?cs if:subcount(m.Choices) ?><div class="chat-choices"><?cs each:c = m.Choices ?><button class="btn btn-sm choice" name="choice" value="<?cs var:c.Value ?>" formnovalidate><?cs var:c.Label ?></button><?cs /each ?></div><?cs /if ?><?cs /if ?>
<?cs /each ?><?cs if:Test.Status == "closed" ?><p class="chat-note"><?cs var:T.Bots.Test.Closed ?></p><?cs elif:Test.Status == "handoff" ?><p class="chat-note"><?cs var:T.Bots.Test.Handoff ?></p><?cs /if ?></div>
<div class="card-footer chat-input"><label class="visually-hidden" for="f-text"><?cs var:T.Bots.Test.Message ?></label><input class="form-control" id="f-text" name="text" maxlength="4000" autocomplete="off" placeholder="<?cs var:T.Bots.Test.Message ?>" autofocus><button class="btn btn-primary"><?cs call:icon("send") ?><span class="label"><?cs var:T.Bots.Test.Send ?></span></button></div>
</form></div>
</div></div>
<?cs include!"layout/bottom.cs" ?>
