<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<div class="head-row"><h2 class="h2 mb-0"><?cs if:Version.N == "0" ?><?cs var:T.Versions.Draft ?><?cs else ?><?cs var:T.Versions.Version ?> <?cs var:Version.N ?><?cs /if ?><?cs if:Version.Live == "1" ?> <span class="badge bg-green-lt"><?cs var:T.Bot.Live ?></span><?cs /if ?></h2>
<div class="head-actions"><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/compare?from=<?cs var:Version.N ?>&amp;to=draft"><?cs call:icon("git-compare") ?><?cs var:T.Versions.WithDraft ?></a><?cs if:Version.N != "0" && Version.Live != "1" && Can.BotPublish == "1" ?><form method="post" action="/app/bots/<?cs var:Bot.Id ?>/rollback" data-once data-confirm="<?cs var:T.Versions.RollbackAsk ?>"><?cs call:csrf() ?><button class="btn" name="version" value="<?cs var:Version.N ?>"><?cs call:icon("arrow-back-up") ?><?cs var:T.Versions.Rollback ?></button></form><?cs /if ?></div></div>
<section class="card" aria-label="<?cs var:T.Flow.Nodes ?>"><div class="card-body"><?cs include!"portal/bots/nodes.cs" ?></div></section></div></div>
<?cs include!"layout/bottom.cs" ?>
