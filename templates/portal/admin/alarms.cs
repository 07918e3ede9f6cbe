<?cs include!"layout/top.cs" ?><?cs include!"portal/admin/parts.cs" ?>
<div class="container-xl page-body">
<div class="head-row"><h1 class="page-title"><?cs var:T.Nav.AdminAlarms ?></h1><nav class="filter-links" aria-label="<?cs var:T.Admin.Common.Filter ?>"><a href="/admin/alarms"<?cs if:List.All != "1" ?> aria-current="page"<?cs /if ?>><?cs var:T.Admin.Alarms.Open ?></a><a href="/admin/alarms?show=all"<?cs if:List.All == "1" ?> aria-current="page"<?cs /if ?>><?cs var:T.Admin.Alarms.AllToo ?></a></nav></div>
<?cs if:!subcount(Alarms) ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("circle-check") ?></div><h2 class="empty-title"><?cs var:T.Admin.Common.NoAlarm ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Admin.Alarms.NoAlarmText ?></p></div></div>
<?cs else ?><ul class="card row-list alarm-rows"><?cs each:a = Alarms ?><li><?cs call:alarm_text(a) ?><span class="row-end"><?cs if:a.Closed ?><span class="row-sub"><?cs var:T.Admin.Alarms.Closed ?> <?cs call:time(a.Closed, a.ClosedIso) ?></span><?cs else ?><form method="post" action="/admin/alarms/<?cs var:a.Id ?>/close" data-once><?cs call:csrf() ?><button class="btn btn-sm"><?cs call:icon("check") ?><?cs var:T.Admin.Alarms.Close ?><span class="visually-hidden">: <?cs var:a.Kind ?> <?cs var:a.Object ?></span></button></form><?cs /if ?></span></li>
<?cs /each ?></ul>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
