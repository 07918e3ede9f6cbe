<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body">
<div class="head-row">
<div><h1 class="page-title"><?cs var:T.Workspace.Index.Title ?></h1><?cs if:subcount(Bots) ?><p class="text-secondary mb-0"><?cs var:Bots_count ?><?cs if:Usage.Limit ?> · <?cs var:Usage.Used ?> <?cs var:T.Workspace.Index.UsedOf ?> <?cs var:Usage.Limit ?> <?cs var:T.Workspace.Index.ThisMonth ?><?cs /if ?></p><?cs /if ?></div>
<?cs if:Can.BotWrite == "1" ?><?cs if:subcount(Bots) ?><a class="btn btn-primary" href="/app/new"><?cs call:icon("plus") ?><?cs var:T.Workspace.Index.New ?></a><?cs /if ?><?cs /if ?>
</div>
<?cs if:Bots_inactive ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:Bots_inactive ?>
<?cs if:Way.Plans == "1" ?><a href="/app/billing/plans"><?cs var:T.Workspace.Index.MakeRoom ?></a><?cs else ?><?cs var:Way.Ask ?><?cs /if ?></div></div>
<?cs /if ?><?cs if:!subcount(Bots) ?><div class="card"><div class="empty">
<div class="empty-icon"><?cs call:icon("robot") ?></div>
<h2 class="empty-title"><?cs var:T.Workspace.Index.EmptyHead ?></h2>
<p class="empty-subtitle text-secondary"><?cs var:T.Workspace.Index.EmptyText ?></p>
<?cs if:Can.BotWrite == "1" ?><div class="empty-action"><a class="btn btn-primary" href="/app/new"><?cs call:icon("plus") ?><?cs var:T.Workspace.Index.New ?></a></div><?cs /if ?>
</div></div>
<?cs else ?><ul class="bot-list">
<?cs each:b = Bots ?><li class="card card-link">
<div class="bot-card">
<span class="bot-icon" aria-hidden="true"><?cs call:icon("robot") ?></span>
<div class="bot-text"><h2><a class="stretched-link" href="/app/bots/<?cs var:b.Id ?>"><?cs var:b.Name ?></a></h2>
<p class="text-secondary"><?cs var:T.Workspace.Index.Changed ?> <?cs call:time(b.Updated, b.UpdatedIso) ?> · <span class="text-uppercase"><?cs var:b.Language ?></span></p></div>
<div class="bot-state"><?cs if:b.Inactive == "1" ?><span class="badge bg-orange-lt"><?cs var:T.Workspace.Index.Inactive ?></span> <?cs /if ?><?cs call:bot_badge(b.Live, b.Differs) ?></div>
</div></li>
<?cs /each ?></ul>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
