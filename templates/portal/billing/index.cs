<?cs include!"layout/top.cs" ?><?cs include!"portal/billing/head.cs" ?>
<div class="container-xl page-body">
<?cs call:form_error() ?>
<?cs if:Billing.Two == "1" ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:T.Billing.Index.Two ?></div></div>
<?cs /if ?><div class="two-columns">
<div>
<section class="card" aria-labelledby="s-plan"><div class="card-body">
<div class="plan-now"><div><h2 class="card-title" id="s-plan"><?cs var:T.Billing.Index.Plan ?></h2>
<p class="plan-now-name"><?cs var:Plan.Name ?> <?cs if:Billing.State != "free" ?><?cs call:billing_badge(Billing.State, Billing.StateText) ?><?cs /if ?></p></div>
<?cs if:Billing.Priced == "1" ?><p class="plan-price"><strong><?cs var:Plan.Price ?></strong> <span><?cs var:T.Plan.AMonth ?></span></p><?cs /if ?></div>
<p class="text-secondary mb-0"><?cs var:Billing.Words ?></p>
<?cs if:Planned.Words ?><div class="planned"><?cs call:icon("calendar-event") ?><p><?cs var:Planned.Words ?></p>
<?cs if:Billing.Write == "1" ?><form method="post" action="/app/billing/undo" data-once><?cs call:csrf() ?><button class="btn btn-sm"><?cs call:icon("arrow-back-up") ?><?cs var:T.Billing.Index.Undo ?></button></form><?cs /if ?></div>
<?cs /if ?><?cs if:Pending.Words ?><div class="planned"><?cs call:icon("hourglass") ?><p><?cs var:Pending.Words ?></p>
<?cs if:Pending.Url ?><a class="btn btn-sm btn-primary" href="<?cs var:url_validate(Pending.Url) ?>" rel="noopener noreferrer"><?cs var:T.Billing.Index.PayNow ?></a><?cs /if ?></div>
<?cs /if ?><?cs if:Beside.Words ?><div class="planned"><?cs call:icon("credit-card") ?><p><?cs var:Beside.Words ?></p>
<?cs if:Billing.Write == "1" ?><?cs if:Beside.Ends == "1" ?><form method="post" action="/app/billing/undo" data-once><?cs call:csrf() ?><button class="btn btn-sm"><?cs call:icon("arrow-back-up") ?><?cs var:T.Billing.Index.Undo ?></button></form><?cs else ?><a class="btn btn-sm btn-ghost-danger" href="/app/billing/change?plan=free"><?cs var:T.Billing.Index.BesideEnd ?></a><?cs /if ?><?cs /if ?></div>
<?cs /if ?><?cs if:Billing.On == "1" ?><?cs if:Billing.Write == "1" ?><div class="plan-actions">
<?cs if:Owed.Url ?><a class="btn btn-primary" href="<?cs var:url_validate(Owed.Url) ?>" rel="noopener noreferrer"><?cs var:T.Billing.Index.PayNow ?>: <?cs var:Owed.Sum ?></a>
<?cs /if ?><?cs if:Billing.Owes != "1" ?><a class="btn<?cs if:!Owed.Url && !Pending.Url ?> btn-primary<?cs /if ?>" href="/app/billing/plans"><?cs if:Billing.Subscribed == "1" ?><?cs var:T.Billing.Index.Change ?><?cs else ?><?cs var:T.Billing.Index.Choose ?><?cs /if ?></a>
<?cs /if ?><?cs if:Billing.Subscribed == "1" ?><form method="post" action="/app/billing/portal" data-once><?cs call:csrf() ?><input type="hidden" name="for" value="card"><button class="btn"><?cs call:icon("credit-card") ?><?cs var:T.Billing.Index.Card ?></button></form>
<?cs /if ?><?cs if:Billing.Running == "1" && !Planned.Words ?><a class="btn btn-ghost-danger" href="/app/billing/change?plan=free"><?cs var:T.Billing.Index.Cancel ?></a>
<?cs /if ?></div>
<?cs else ?><p class="quiet-note"><?cs call:icon("info-circle") ?><span><?cs var:T.Billing.Index.AskOwner ?></span></p>
<?cs /if ?><?cs else ?><p class="quiet-note"><?cs call:icon("info-circle") ?><span><?cs var:T.Billing.Index.AskOperator ?></span></p>
<?cs /if ?></div></section>
<section class="card" aria-labelledby="s-usage"><div class="card-body">
<div class="card-line"><h2 class="card-title" id="s-usage"><?cs var:T.Billing.Index.Usage ?></h2><a href="/app/billing/usage"><?cs var:T.Billing.Index.UsageMore ?></a></div>
<?cs call:meter(Usage) ?>
<p class="text-secondary"><?cs var:T.Billing.Usage.Period ?> <?cs call:date(Usage.From, Usage.FromIso) ?> – <?cs call:date(Usage.To, Usage.ToIso) ?></p>
<?cs if:Usage.Beyond ?><p><?cs var:Usage.Beyond ?> <?cs var:T.Billing.Usage.Beyond ?><?cs if:Overage.Show == "1" ?>: <strong><?cs var:Overage.SoFar ?></strong><?cs /if ?></p>
<?cs /if ?><?cs if:Forecast.Words ?><p class="forecast mb-0"><?cs call:icon("chart-bar") ?><span><?cs var:Forecast.Words ?> <?cs var:Forecast.Full ?> <?cs var:Forecast.Over ?></span></p>
<?cs /if ?></div></section>
<?cs if:Overage.Show == "1" ?><section class="card" aria-labelledby="s-overage"><div class="card-body">
<h2 class="card-title" id="s-overage"><?cs var:T.Plan.OverageHead ?></h2>
<p class="text-secondary"><?cs var:Plan.Included ?> <?cs var:T.Billing.Overage.Included ?> <?cs var:Plan.Overage ?></p>
<?cs if:Billing.Write == "1" ?><form method="post" action="/app/billing/overage" data-once><?cs call:csrf() ?>
<fieldset><legend class="visually-hidden"><?cs var:T.Plan.OverageHead ?></legend>
<label class="form-check"><input class="form-check-input" type="radio" name="overage" value="stop"<?cs if:Form.Error ?><?cs if:Form.bill != "1" ?> checked<?cs /if ?><?cs elif:Overage.Bill != "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:T.Billing.Overage.Stop ?></span></label>
<label class="form-check"><input class="form-check-input" type="radio" name="overage" value="bill"<?cs if:Form.Error ?><?cs if:Form.bill == "1" ?> checked<?cs /if ?><?cs elif:Overage.Bill == "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:T.Billing.Overage.Bill ?></span></label></fieldset>
<div class="cap-row"><div><label class="form-label" for="f-cap"><?cs var:T.Billing.Overage.Cap ?></label><div class="input-group"><span class="input-group-text"><?cs var:Overage.Currency ?></span><input class="form-control<?cs if:Form.Field == "cap" ?> is-invalid<?cs /if ?>" id="f-cap" name="cap" inputmode="decimal" autocomplete="off" maxlength="14" value="<?cs if:Form.Error ?><?cs var:Form.cap ?><?cs else ?><?cs var:Overage.Cap ?><?cs /if ?>" aria-describedby="h-cap"></div></div><button class="btn"><?cs var:T.Form.Save ?></button></div>
<small class="form-hint" id="h-cap"><?cs var:T.Billing.Overage.CapHint ?></small></form>
<?cs else ?><p class="mb-0"><?cs if:Overage.Bill == "1" ?><?cs var:T.Plan.OverageBillsTo ?> <?cs var:Overage.CapText ?><?cs else ?><?cs var:T.Plan.OverageStops ?><?cs /if ?></p>
<?cs /if ?></div></section>
<?cs /if ?></div>
<div>
<?cs if:Next.Any == "1" ?><section class="card" aria-labelledby="s-next"><div class="card-body">
<h2 class="card-title" id="s-next"><?cs var:T.Billing.Index.Next ?></h2>
<?cs if:Next.Sum ?><p class="next-sum"><strong><?cs var:Next.Sum ?></strong> <span><?cs call:date(Next.Date, Next.DateIso) ?></span></p>
<dl class="facts"><?cs if:Next.Plan ?><dt><?cs var:Next.Plan ?></dt><dd><?cs var:Next.Base ?></dd><?cs /if ?>
<?cs if:Next.Overage ?><dt><?cs var:T.Billing.Index.NextOverage ?></dt><dd><?cs var:Next.Overage ?></dd><?cs /if ?></dl>
<p class="form-hint mb-0"><?cs var:T.Billing.Index.NextHint ?><?cs if:Next.More == "1" ?> <?cs var:T.Billing.Index.NextMore ?><?cs /if ?></p>
<?cs else ?><p class="text-secondary mb-0"><?cs var:T.Billing.Index.NextNone ?></p>
<?cs /if ?></div></section>
<?cs /if ?><?cs if:subcount(Invoices) ?><section class="card" aria-labelledby="s-invoices"><div class="card-body">
<div class="card-line"><h2 class="card-title" id="s-invoices"><?cs var:T.Invoice.Title ?></h2><a href="/app/billing/invoices"><?cs var:T.Billing.Index.AllInvoices ?></a></div>
<ul class="mini-list"><?cs each:i = Invoices ?><li><span><?cs call:date(i.Date, i.DateIso) ?></span><?cs call:invoice_badge(i.Status, i.StatusText) ?><strong><?cs var:i.Amount ?></strong></li>
<?cs /each ?></ul></div></section>
<?cs /if ?><section class="card" aria-labelledby="s-has"><div class="card-body">
<h2 class="card-title" id="s-has"><?cs var:T.Billing.Index.Has ?></h2>
<?cs call:has_list(Now.Has) ?></div></section>
</div></div>
</div>
<?cs include!"layout/bottom.cs" ?>
