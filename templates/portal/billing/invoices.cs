<?cs include!"layout/top.cs" ?><?cs include!"portal/billing/head.cs" ?>
<div class="container-xl page-body">
<?cs if:!subcount(Invoices) ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("receipt") ?></div><h2 class="empty-title"><?cs var:T.Invoice.EmptyHead ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Billing.Invoices.EmptyText ?></p></div></div>
<?cs else ?><ul class="card row-list invoice-list">
<?cs each:i = Invoices ?><li><span class="row-main"><strong><?cs call:date(i.Date, i.DateIso) ?></strong><span class="row-sub"><?cs if:i.Number ?><?cs var:i.Number ?> · <?cs /if ?><?cs var:i.Reason ?></span></span>
<span class="invoice-state"><?cs call:invoice_badge(i.Status, i.StatusText) ?><?cs if:i.Next ?><span class="row-sub"><?cs var:T.Billing.Invoices.NextTry ?> <?cs call:date(i.Next, i.NextIso) ?></span><?cs /if ?></span>
<strong class="invoice-sum"><?cs var:i.Amount ?></strong>
<span class="invoice-links"><?cs if:i.Owed == "1" && i.Hosted ?><a class="btn btn-sm btn-primary" href="<?cs var:url_validate(i.Hosted) ?>" rel="noopener noreferrer" target="_blank"><?cs var:T.Billing.Invoices.Pay ?><span class="visually-hidden"> <?cs var:i.Number ?></span></a><?cs elif:i.Hosted ?><a class="btn btn-sm" href="<?cs var:url_validate(i.Hosted) ?>" rel="noopener noreferrer" target="_blank"><?cs call:icon("external-link") ?><?cs var:T.Billing.Invoices.Show ?><span class="visually-hidden"> <?cs var:i.Number ?></span></a><?cs /if ?><?cs if:i.Pdf ?><a class="btn btn-sm" href="<?cs var:url_validate(i.Pdf) ?>" rel="noopener noreferrer"><?cs call:icon("download") ?>PDF<span class="visually-hidden"> <?cs var:i.Number ?></span></a><?cs /if ?></span></li>
<?cs /each ?></ul>
<?cs if:List.Later == "1" || List.Before ?><nav class="pager" aria-label="<?cs var:T.List.Pages ?>"><?cs if:List.Later == "1" ?><a class="btn" href="/app/billing/invoices"><?cs call:icon("chevron-left") ?><?cs var:T.List.Newest ?></a><?cs /if ?><?cs if:List.Before ?><a class="btn" href="/app/billing/invoices?before=<?cs var:List.Before ?>"><?cs var:T.List.Older ?><?cs call:icon("chevron-right") ?></a><?cs /if ?></nav>
<?cs /if ?><?cs /if ?><?cs if:Billing.Write == "1" && Billing.Customer == "1" ?><form class="mt-3" method="post" action="/app/billing/portal" data-once><?cs call:csrf() ?><button class="btn"><?cs call:icon("external-link") ?><?cs var:T.Billing.Invoices.Portal ?></button></form>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
