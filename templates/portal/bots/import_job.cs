<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs if:Job.Over != "1" ?><?cs var:T.Bots.Import.Running ?><?cs elif:Job.Failed == "1" ?><?cs var:T.Bots.Import.Failed ?><?cs else ?><?cs var:T.Bots.Import.Done ?><?cs /if ?></h2>
<?cs if:Job.File ?><p class="text-secondary"><?cs call:icon("file-text") ?> <?cs var:Job.File ?></p>
<?cs /if ?><?cs if:Job.Over != "1" ?><div class="card" data-poll="/app/bots/<?cs var:Bot.Id ?>/import/<?cs var:Job.Id ?>/status"><div class="card-body">
<div class="progress-row"><progress class="import-progress" max="100" value="<?cs var:Job.Percent ?>" aria-label="<?cs var:T.Bots.Import.Progress ?>" data-poll-bar></progress><span data-poll-percent><?cs var:Job.Percent ?> %</span></div>
<p class="text-secondary mb-0"><span data-poll-rows><?cs var:Report.Rows ?></span> <?cs var:T.Bots.Import.RowsRead ?> <?cs var:T.Bots.Import.Leave ?></p></div></div>
<?cs elif:Job.Failed == "1" ?><div class="alert alert-danger" role="alert"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs if:Job.Error ?><?cs var:Job.Error ?><?cs else ?><?cs var:T.Bots.Import.FailedText ?><?cs /if ?></div></div><p><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/import"><?cs var:T.Bots.Import.Again ?></a></p>
<?cs else ?><div class="card"><div class="card-body"><dl class="numbers">
<div><dt><?cs var:T.Bots.Import.Rows ?></dt><dd><?cs var:Report.Rows ?></dd></div><div><dt><?cs var:T.Bots.Import.Added ?></dt><dd><?cs var:Report.Added ?></dd></div><div><dt><?cs var:T.Bots.Import.Updated ?></dt><dd><?cs var:Report.Updated ?></dd></div><div><dt><?cs var:T.Bots.Import.Unchanged ?></dt><dd><?cs var:Report.Unchanged ?></dd></div><div><dt><?cs var:T.Bots.Import.Skipped ?></dt><dd><?cs var:Report.Skipped ?></dd></div></dl></div></div>
<?cs if:Report.AnyBad == "1" ?><section class="card" aria-labelledby="s-bad"><div class="card-header"><h3 class="card-title" id="s-bad"><?cs var:T.Bots.Import.BadHead ?></h3><div class="card-actions"><a class="btn btn-sm" href="/app/bots/<?cs var:Bot.Id ?>/import/<?cs var:Job.Id ?>/report.csv" download><?cs call:icon("download") ?><?cs var:T.Bots.Import.Report ?></a></div></div>
<table class="table card-table"><thead><tr><th scope="col"><?cs var:T.Bots.Import.Row ?></th><th scope="col"><?cs var:T.Bots.Import.Why ?></th></tr></thead><tbody>
<?cs each:r = Report.Bad ?><tr><td><?cs var:r.Row ?></td><td><?cs var:r.Message ?></td></tr>
<?cs /each ?></tbody></table><?cs if:Report.More == "1" ?><div class="card-footer text-secondary"><?cs var:T.Bots.Import.More ?></div><?cs /if ?></section>
<?cs /if ?><p><a class="btn btn-primary" href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs var:T.Bots.Import.ToAnswers ?></a><?cs if:Can.ConversationReply == "1" ?> <a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/test"><?cs call:icon("player-play") ?><?cs var:T.Bots.Bot.TestIt ?></a><?cs /if ?></p>
<?cs /if ?></div></div>
<?cs include!"layout/bottom.cs" ?>
