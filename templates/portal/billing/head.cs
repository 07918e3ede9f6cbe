<?cs # The head of the billing pages: where else to go. ?><?cs
def:has_list(list) ?><ul class="has-list"><?cs each:h = list ?><li><?cs call:icon("check") ?><span><?cs var:h.Text ?></span></li>
<?cs /each ?></ul><?cs /def ?><?cs
def:invoice_badge(status, text) ?><?cs if:status == "paid" ?><span class="badge bg-green-lt"><?cs var:text ?></span><?cs elif:status == "failed" || status == "uncollectible" ?><span class="badge bg-red-lt"><?cs var:text ?></span><?cs elif:status == "open" ?><span class="badge bg-yellow-lt"><?cs var:text ?></span><?cs else ?><span class="badge bg-secondary-lt"><?cs var:text ?></span><?cs /if ?><?cs /def ?><?cs
def:billing_badge(state, text) ?><?cs if:state == "live" || state == "trial" ?><span class="badge bg-green-lt"><?cs var:text ?></span><?cs elif:state == "grace" || state == "ending" ?><span class="badge bg-yellow-lt"><?cs var:text ?></span><?cs elif:state == "read_only" || state == "suspended" || state == "paused" ?><span class="badge bg-red-lt"><?cs var:text ?></span><?cs elif:state == "assigned" ?><span class="badge bg-blue-lt"><?cs var:text ?></span><?cs else ?><span class="badge bg-secondary-lt"><?cs var:text ?></span><?cs /if ?><?cs /def ?><?cs
def:date(text, iso) ?><?cs if:text ?><time datetime="<?cs var:iso ?>"><?cs var:text ?></time><?cs /if ?><?cs /def ?><?cs
def:meter(u) ?><?cs if:u.Unlimited == "1" ?><p class="usage-number"><strong><?cs var:u.Used ?></strong> <span><?cs var:T.Meter.Unlimited ?></span></p>
<?cs else ?><p class="usage-number"><strong><?cs var:u.Used ?></strong> <span><?cs var:T.Meter.Of ?> <?cs var:u.Included ?></span></p>
<progress class="usage-bar<?cs if:u.Full == "1" ?> is-full<?cs elif:u.Near == "1" ?> is-near<?cs /if ?>" max="100" value="<?cs var:u.Percent ?>" aria-label="<?cs var:T.Meter.Bar ?>"><?cs var:u.Percent ?> %</progress>
<?cs /if ?><?cs /def ?>
<div class="page-header d-print-none">
<div class="container-xl">
<div class="bot-head"><h1 class="page-title"><?cs var:T.Billing.Index.Title ?></h1></div>
<nav class="bot-tabs" aria-label="<?cs var:T.Billing.Index.Parts ?>">
<a href="/app/billing"<?cs if:Page.Tab == "overview" ?> aria-current="page"<?cs /if ?>><?cs var:T.Billing.Index.Overview ?></a>
<a href="/app/billing/usage"<?cs if:Page.Tab == "usage" ?> aria-current="page"<?cs /if ?>><?cs var:T.Meter.Title ?></a>
<a href="/app/billing/plans"<?cs if:Page.Tab == "plans" ?> aria-current="page"<?cs /if ?>><?cs var:T.Billing.Plans.Title ?></a>
<?cs if:Billing.On == "1" ?><a href="/app/billing/invoices"<?cs if:Page.Tab == "invoices" ?> aria-current="page"<?cs /if ?>><?cs var:T.Invoice.Title ?></a>
<?cs /if ?></nav>
</div>
</div>
