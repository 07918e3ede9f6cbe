<?cs include!"layout/top.cs" ?>
<div class="container-tight py-5 wait-page">
<div class="wait-icon is-warn"><?cs call:icon("credit-card") ?></div>
<h1 class="h2"><?cs var:T.Billing.Change.Unpaid.Title ?></h1>
<p class="text-secondary"><?cs var:T.Billing.Change.Unpaid.Text ?></p>
<p class="fs-3"><strong><?cs var:Change.Due ?></strong> · <?cs var:Change.To ?></p>
<div class="wait-actions"><?cs if:Pay.Url ?><a class="btn btn-primary" href="<?cs var:url_validate(Pay.Url) ?>" rel="noopener noreferrer"><?cs var:T.Billing.Index.PayNow ?></a><?cs /if ?><form method="post" action="/app/billing/portal" data-once><?cs call:csrf() ?><input type="hidden" name="for" value="card"><button class="btn"><?cs call:icon("credit-card") ?><?cs var:T.Billing.Change.Unpaid.Card ?></button></form><a class="btn btn-ghost-secondary" href="/app/billing"><?cs var:T.Billing.Change.Unpaid.Back ?></a></div>
</div>
<?cs include!"layout/bottom.cs" ?>
