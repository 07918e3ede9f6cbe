<?cs include!"layout/top.cs" ?>
<div class="container-tight py-5 wait-page">
<?cs if:Return.Outcome == "paying" ?><div class="wait-icon"><?cs call:icon("hourglass") ?></div>
<h1 class="h2"><?cs var:T.Billing.Return.Paying ?></h1>
<p class="text-secondary" role="status"><?cs if:Return.Wait ?><?cs var:T.Billing.Return.PayingText ?><?cs else ?><?cs var:T.Billing.Return.PayingLong ?><?cs /if ?></p>
<?cs if:Return.Wait ?><progress class="wait-bar" aria-label="<?cs var:T.Billing.Return.Paying ?>"></progress>
<p class="visually-hidden"><a href="/app/billing/return?session=<?cs var:url_escape(Return.Session) ?>&amp;try=<?cs var:Return.Try ?>" data-again="<?cs var:Return.Wait ?>"><?cs var:T.Billing.Return.Again ?></a></p>
<?cs /if ?><div class="wait-actions"><a class="btn" href="/app/billing"><?cs var:T.Billing.Return.ToBilling ?></a></div>
<?cs elif:Return.Outcome == "open" ?><div class="wait-icon"><?cs call:icon("credit-card") ?></div>
<h1 class="h2"><?cs var:T.Billing.Return.Open ?></h1><p class="text-secondary"><?cs var:T.Billing.Return.OpenText ?></p>
<div class="wait-actions"><a class="btn btn-primary" href="/app/billing/plans"><?cs var:T.Billing.Return.ToPlans ?></a></div>
<?cs elif:Return.Outcome == "expired" ?><div class="wait-icon is-warn"><?cs call:icon("alert-triangle") ?></div>
<h1 class="h2"><?cs var:T.Billing.Return.Expired ?></h1><p class="text-secondary"><?cs var:T.Billing.Return.ExpiredText ?></p>
<div class="wait-actions"><a class="btn btn-primary" href="/app/billing/plans"><?cs var:T.Billing.Return.ToPlans ?></a></div>
<?cs else ?><div class="wait-icon is-warn"><?cs call:icon("help-circle") ?></div>
<h1 class="h2"><?cs var:T.Billing.Return.Unknown ?></h1><p class="text-secondary"><?cs var:T.Billing.Return.UnknownText ?></p>
<div class="wait-actions"><a class="btn btn-primary" href="/app/billing"><?cs var:T.Billing.Return.ToBilling ?></a></div>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
