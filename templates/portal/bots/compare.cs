<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs var:Compare.From ?> <?cs call:icon("arrow-right") ?><span class="visually-hidden"><?cs var:T.Bots.Versions.To ?></span> <?cs var:Compare.To ?></h2>
<section class="card" aria-label="<?cs var:T.Bots.Publish.Changes ?>"><div class="card-body"><?cs include!"portal/bots/changes.cs" ?></div></section>
<p><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/versions"><?cs call:icon("chevron-left") ?><?cs var:T.Bots.Bot.Versions ?></a></p></div></div>
<?cs include!"layout/bottom.cs" ?>
