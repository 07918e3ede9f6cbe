<?cs include!"layout/top.cs" ?><?cs include!"portal/admin/parts.cs" ?>
<div class="container-xl page-body">
<div class="head-row"><h1 class="page-title"><?cs var:T.Admin.Index.Title ?></h1><div><?cs if:Admin.On != "1" ?><span class="badge bg-secondary-lt"><?cs var:T.Admin.Index.Off ?></span><?cs elif:Admin.Ready != "1" ?><span class="badge bg-red-lt"><?cs var:T.Admin.Index.BadKey ?></span><?cs elif:Admin.Live == "1" ?><span class="badge bg-green-lt"><?cs var:T.Admin.Index.LiveMode ?></span><?cs else ?><span class="badge bg-yellow-lt"><?cs var:T.Admin.Index.TestMode ?></span><?cs /if ?></div></div>
<?cs if:Admin.On != "1" ?><div class="alert alert-info" role="status"><?cs call:icon("info-circle") ?><div class="ms-2"><?cs var:T.Admin.Index.OffText ?></div></div>
<?cs elif:Admin.Ready != "1" ?><div class="alert alert-danger" role="alert"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:Admin.Trouble ?></div></div>
<?cs elif:Setup.Ready != "1" ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:T.Admin.Common.SetupHead ?> <?cs var:Setup.Words ?>. <?cs var:T.Admin.Common.SetupHow ?> <code>parley billing setup --write</code></div></div>
<?cs /if ?><dl class="card stat-grid">
<div><dt><?cs var:T.Nav.AdminTenants ?></dt><dd><a href="/admin/tenants"><?cs var:Counts.Tenants ?></a></dd></div>
<div><dt><?cs var:T.Admin.Index.Paying ?></dt><dd><?cs var:Counts.Paying ?></dd></div>
<div<?cs if:Counts.AnyFailing == "1" ?> class="is-warn"<?cs /if ?>><dt><?cs var:T.Admin.Index.Failing ?></dt><dd><?cs var:Counts.Failing ?></dd></div>
<div><dt><?cs var:T.Admin.Index.EventsPending ?></dt><dd><a href="/admin/events?state=pending"><?cs var:Events.Pending ?></a><?cs if:Events.Oldest ?><small><?cs var:T.Admin.Index.Oldest ?> <?cs var:Events.Oldest ?></small><?cs /if ?></dd></div>
<div<?cs if:Events.AnyDead == "1" ?> class="is-bad"<?cs /if ?>><dt><?cs var:T.Admin.Index.EventsDead ?></dt><dd><a href="/admin/events?state=dead"><?cs var:Events.Dead ?></a></dd></div>
<div<?cs if:Meter.Late == "1" ?> class="is-bad"<?cs /if ?>><dt><?cs var:T.Admin.Index.MeterPending ?></dt><dd><?cs var:Meter.Waiting ?><?cs if:Meter.Oldest ?><small><?cs var:T.Admin.Index.Oldest ?> <?cs var:Meter.Oldest ?></small><?cs /if ?></dd></div>
<div<?cs if:Meter.AnyRejected == "1" ?> class="is-warn"<?cs /if ?>><dt><?cs var:T.Admin.Index.MeterBad ?></dt><dd><?cs var:Meter.Unknown ?> / <?cs var:Meter.Rejected ?></dd></div>
<?cs if:Counts.AnyLost == "1" ?><div class="is-bad"><dt><?cs var:T.Admin.Index.Lost ?></dt><dd><?cs var:Counts.Lost ?></dd></div>
<?cs /if ?></dl>
<div class="two-columns"><div>
<section class="card" aria-labelledby="s-alarms"><div class="card-header"><h2 class="card-title" id="s-alarms"><?cs var:T.Admin.Index.OpenAlarms ?></h2><div class="card-actions"><a href="/admin/alarms"><?cs var:T.Admin.Index.All ?></a></div></div>
<?cs if:!subcount(Alarms) ?><div class="card-body text-secondary"><?cs var:T.Admin.Common.NoAlarm ?></div>
<?cs else ?><ul class="row-list"><?cs each:a = Alarms ?><li><?cs call:alarm_text(a) ?></li>
<?cs /each ?></ul>
<?cs /if ?></section>
<section class="card" aria-labelledby="s-log"><div class="card-header"><h2 class="card-title" id="s-log"><?cs var:T.Admin.Index.Log ?></h2></div><?cs call:log_list(Log) ?></section>
</div><div>
<section class="card" aria-labelledby="s-jobs"><div class="card-body"><h2 class="card-title" id="s-jobs"><?cs var:T.Admin.Index.Jobs ?></h2>
<?cs if:!subcount(Jobs) ?><p class="text-secondary mb-0"><?cs var:T.Admin.Index.NoJob ?></p>
<?cs else ?><ul class="job-list"><?cs each:j = Jobs ?><li><span><?cs var:j.Kind ?></span><span class="text-secondary"><?cs call:time(j.Time, j.TimeIso) ?></span><?cs if:j.State == "dead" ?><span class="rate-down"><?cs var:j.Error ?></span><?cs /if ?></li>
<?cs /each ?></ul>
<?cs /if ?></div></section>
</div></div></div>
<?cs include!"layout/bottom.cs" ?>
