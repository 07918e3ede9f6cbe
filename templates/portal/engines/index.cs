<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body">
<div class="head-row"><div><h1 class="page-title"><?cs var:T.Engines.Index.Title ?></h1><p class="text-secondary mb-0"><?cs var:T.Engines.Index.Text ?></p></div></div>
<?cs if:subcount(Reached) ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><h2 class="alert-title"><?cs var:T.Engines.Index.CapsHead ?></h2><?cs each:r = Reached ?><p class="mb-1"><a href="/app/bots/<?cs var:r.Id ?>/engines"><?cs var:r.Name ?></a>:<?cs each:t = r.Texts ?> <?cs var:t.Text ?><?cs /each ?></p><?cs /each ?></div></div><?cs /if ?>
<?cs if:List.Any == "1" ?><ul class="bot-list">
<?cs each:g = Engines ?><li class="card<?cs if:Can.WorkspaceWrite == "1" ?> card-link<?cs /if ?>">
<div class="bot-card">
<span class="bot-icon" aria-hidden="true"><?cs call:icon("server-bolt") ?></span>
<div class="bot-text"><h2><?cs if:Can.WorkspaceWrite == "1" ?><a class="stretched-link" href="/app/engines/<?cs var:g.Id ?>"><?cs var:g.Name ?></a><?cs else ?><?cs var:g.Name ?><?cs /if ?></h2>
<p class="text-secondary"><?cs var:g.Type ?><?cs if:g.Model ?> · <?cs var:g.Model ?><?cs /if ?><?cs if:g.Address ?> · <span class="text-break"><?cs var:g.Address ?></span><?cs /if ?></p>
<?cs if:g.Calls ?><p class="text-secondary"><?cs var:T.EngineUsage.Month ?>: <?cs var:g.Calls ?>, <?cs var:g.Tokens ?></p><?cs /if ?></div>
<div class="bot-state"><span class="badge bg-secondary-lt"><?cs var:g.Bots ?></span></div>
</div></li>
<?cs /each ?></ul>
<?cs else ?><div class="card"><div class="empty">
<div class="empty-icon"><?cs call:icon("server-bolt") ?></div><h2 class="empty-title"><?cs var:T.Engines.Index.EmptyHead ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Engines.Index.EmptyText ?></p></div></div>
<?cs /if ?>
<?cs if:List.Any == "1" || List.Used == "1" ?><section class="card mt-3 mb-0" aria-labelledby="s-usage"><div class="card-body">
<h2 class="card-title" id="s-usage"><?cs var:T.Engines.Index.Usage ?></h2>
<?cs include!"layout/engine_usage.cs" ?></div></section>
<?cs /if ?><?cs if:Can.WorkspaceWrite == "1" && List.Full != "1" ?><section class="card mt-3" aria-labelledby="s-add"><div class="card-body">
<h2 class="card-title" id="s-add"><?cs var:T.Engines.Index.Add ?></h2>
<ul class="next-list">
<?cs each:t = Types ?><li><a href="/app/engines/new?type=<?cs var:t.Name ?>"><?cs call:icon("plus") ?><span><strong><?cs var:t.Label ?></strong></span></a></li>
<?cs /each ?></ul></div></section>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
