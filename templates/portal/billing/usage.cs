<?cs include!"layout/top.cs" ?><?cs include!"portal/billing/head.cs" ?>
<div class="container-xl page-body">
<section class="card" aria-labelledby="s-period"><div class="card-body">
<div class="card-line"><h2 class="card-title" id="s-period"><?cs call:date(Usage.From, Usage.FromIso) ?> – <?cs call:date(Usage.To, Usage.ToIso) ?></h2></div>
<div<?cs if:Chart.Any == "1" ?> class="usage-grid"<?cs /if ?>><div><?cs call:meter(Usage) ?>
<?cs if:Usage.Beyond ?><p><?cs var:Usage.Beyond ?> <?cs var:T.Billing.Usage.Beyond ?></p>
<?cs /if ?><p class="text-secondary mb-0"><?cs var:T.Billing.Usage.What ?></p></div>
<div><?cs if:Chart.Any == "1" ?><figure class="day-chart"><figcaption><?cs var:T.Billing.Usage.Days ?><span class="day-most"><?cs var:T.Billing.Usage.Most ?> <?cs var:Chart.Most ?></span></figcaption>
<svg class="day-bars" viewBox="0 0 <?cs var:Chart.Wide ?> 121" preserveAspectRatio="none" role="img" aria-label="<?cs var:T.Billing.Usage.Days ?>" focusable="false"><?cs each:d = Days ?><rect x="<?cs var:d.X ?>" y="<?cs var:d.Y ?>" width="14" height="<?cs var:d.Tall ?>"><title><?cs var:d.Day ?>: <?cs var:d.Counted ?></title></rect><?cs /each ?><rect class="ground" x="0" y="120" width="<?cs var:Chart.Wide ?>" height="1"></rect></svg>
<div class="day-ends"><?cs call:date(Usage.From, Usage.FromIso) ?><?cs call:date(Usage.To, Usage.ToIso) ?></div></figure>
<details class="day-table"><summary><?cs var:T.Billing.Usage.AsTable ?></summary><div class="day-scroll" tabindex="0" role="region" aria-label="<?cs var:T.Billing.Usage.Days ?>"><table class="table table-sm"><thead><tr><th scope="col"><?cs var:T.Billing.Usage.Day ?></th><th scope="col" class="text-end"><?cs var:T.Billing.Usage.Counted ?></th></tr></thead><tbody>
<?cs each:d = Days ?><tr><td><?cs call:date(d.Day, d.DayIso) ?></td><td class="text-end"><?cs var:d.Counted ?></td></tr>
<?cs /each ?></tbody></table></div></details>
<?cs elif:subcount(Rows) ?><p class="text-secondary mt-3 mb-0"><?cs var:T.Billing.Usage.NoneYet ?></p>
<?cs /if ?></div></div></div></section>
<section class="card" aria-labelledby="s-rows">
<div class="card-header"><h2 class="card-title" id="s-rows"><?cs var:T.Billing.Usage.Rows ?></h2><?cs if:subcount(Rows) ?><div class="card-actions"><a class="btn btn-sm" href="/app/billing/usage.csv" download><?cs call:icon("download") ?><?cs var:T.Billing.Usage.File ?></a></div><?cs /if ?></div>
<?cs if:!subcount(Rows) ?><div class="empty"><div class="empty-icon"><?cs call:icon("messages") ?></div><p class="empty-title"><?cs var:T.Billing.Usage.EmptyHead ?></p><p class="empty-subtitle text-secondary"><?cs var:T.Billing.Usage.EmptyText ?></p></div>
<?cs else ?><ul class="row-list">
<?cs each:r = Rows ?><li><span class="row-main"><?cs call:time(r.Time, r.TimeIso) ?></span><span class="row-about"><?cs if:r.Bot ?><?cs var:r.Bot ?><?cs else ?><?cs var:T.Billing.Usage.BotGone ?><?cs /if ?></span><span class="row-end"><?cs if:r.Deleted == "1" ?><span class="text-secondary"><?cs var:T.Billing.Usage.Deleted ?></span><?cs elif:Can.ConversationRead == "1" ?><a href="/app/conversations/<?cs var:r.Id ?>"><?cs var:T.Billing.Usage.Open ?><span class="visually-hidden">: <?cs var:r.Time ?></span></a><?cs else ?><code><?cs var:r.Id ?></code><?cs /if ?></span></li>
<?cs /each ?></ul>
<?cs /if ?></section>
<?cs if:List.Later == "1" || List.Before ?><nav class="pager" aria-label="<?cs var:T.List.Pages ?>"><?cs if:List.Later == "1" ?><a class="btn" href="/app/billing/usage"><?cs call:icon("chevron-left") ?><?cs var:T.List.Newest ?></a><?cs /if ?><?cs if:List.Before ?><a class="btn" href="/app/billing/usage?before=<?cs var:List.Before ?>"><?cs var:T.List.Older ?><?cs call:icon("chevron-right") ?></a><?cs /if ?></nav>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
