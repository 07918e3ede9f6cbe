<?cs include!"layout/top.cs" ?><?cs include!"portal/admin/parts.cs" ?>
<?cs with:v = Events.0 ?><div class="container-xl page-body">
<a class="back-link" href="/admin/events?state=<?cs var:v.State ?>"><?cs call:icon("chevron-left") ?><?cs var:T.Admin.Events.Events ?></a>
<div class="head-row"><h1 class="page-title"><?cs var:v.Type ?></h1><div><?cs call:event_badge(v.State, v.StateText) ?></div>
<?cs if:v.State != "pending" ?><div class="head-actions"><form method="post" action="/admin/events/<?cs var:url_escape(v.Id) ?>/replay" data-once><?cs call:csrf() ?><button class="btn btn-primary"><?cs call:icon("refresh") ?><?cs var:T.Admin.Events.Replay ?></button></form></div><?cs /if ?></div>
<?cs if:v.Error ?><div class="alert alert-danger" role="alert"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:v.Error ?></div></div>
<?cs /if ?><div class="two-columns"><section class="card" aria-labelledby="s-payload"><div class="card-header"><h2 class="card-title" id="s-payload"><?cs var:T.Admin.Events.Payload ?></h2></div><pre class="payload" tabindex="0" aria-labelledby="s-payload"><?cs var:Event.Payload ?></pre><?cs if:Event.Cut == "1" ?><div class="card-footer text-secondary"><?cs var:T.Admin.Events.Cut ?></div><?cs /if ?></section>
<section class="card" aria-labelledby="s-facts"><div class="card-body"><h2 class="card-title" id="s-facts"><?cs var:T.List.Facts ?></h2><dl class="facts">
<dt><?cs var:T.Admin.Events.EventId ?></dt><dd><code><?cs var:v.Id ?></code></dd>
<dt><?cs var:T.Admin.Events.Object ?></dt><dd><code><?cs var:v.Object ?></code></dd>
<dt><?cs var:T.Admin.Events.AtStripe ?></dt><dd><?cs call:time(v.Created, v.CreatedIso) ?></dd>
<dt><?cs var:T.Admin.Events.Received ?></dt><dd><?cs call:time(v.Received, v.ReceivedIso) ?></dd>
<?cs if:v.Due ?><dt><?cs var:T.Admin.Events.Due ?></dt><dd><?cs call:time(v.Due, v.DueIso) ?></dd><?cs /if ?>
<dt><?cs var:T.Admin.Events.Attempts ?></dt><dd><?cs var:v.Attempts ?></dd>
<dt><?cs var:T.Admin.Events.Form ?></dt><dd><?cs if:v.Thin == "1" ?><?cs var:T.Admin.Events.Thin ?><?cs else ?><?cs var:T.Admin.Events.Snapshot ?><?cs /if ?></dd></dl></div></section></div>
</div><?cs /with ?>
<?cs include!"layout/bottom.cs" ?>
