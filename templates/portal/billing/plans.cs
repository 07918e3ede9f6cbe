<?cs include!"layout/top.cs" ?><?cs include!"portal/billing/head.cs" ?>
<div class="container-xl page-body">
<?cs call:form_error() ?>
<?cs if:Billing.Canceled == "1" ?><div class="alert alert-info" role="status"><?cs call:icon("info-circle") ?><div class="ms-2"><?cs var:T.Billing.Plans.Canceled ?></div></div>
<?cs /if ?><?cs if:Billing.On != "1" ?><p class="quiet-note"><?cs call:icon("info-circle") ?><span><?cs var:T.Billing.Index.AskOperator ?></span></p>
<?cs elif:Billing.Write != "1" ?><p class="quiet-note"><?cs call:icon("info-circle") ?><span><?cs var:T.Billing.Index.AskOwner ?></span></p>
<?cs elif:Billing.Owes == "1" ?><p class="quiet-note"><?cs call:icon("alert-triangle") ?><span><?cs var:T.Billing.Plans.Owes ?> <a href="/app/billing"><?cs var:T.Billing.Return.ToBilling ?></a></span></p>
<?cs elif:Billing.State == "assigned" ?><p class="quiet-note"><?cs call:icon("info-circle") ?><span><?cs var:T.Billing.Plans.Assigned ?></span></p>
<?cs /if ?><?cs if:Planned.Words ?><p class="quiet-note"><?cs call:icon("calendar-event") ?><span><?cs var:Planned.Words ?> <a href="/app/billing"><?cs var:T.Billing.Return.ToBilling ?></a></span></p>
<?cs /if ?><?cs if:Billing.Trial ?><p class="quiet-note"><?cs call:icon("calendar-event") ?><span><?cs var:Billing.Trial ?></span></p>
<?cs /if ?><ul class="plan-grid">
<?cs each:p = Plans ?><li class="card plan-card<?cs if:p.Current == "1" ?> is-current<?cs elif:p.Wanted == "1" ?> is-chosen<?cs /if ?>"><div class="card-body">
<div class="plan-top"><h2 class="plan-name"><?cs var:p.Name ?></h2><?cs if:p.Current == "1" ?><span class="badge bg-green-lt plan-mark"><?cs var:T.Billing.Plans.Current ?></span><?cs /if ?></div>
<?cs if:Billing.On == "1" ?><p class="plan-price"><strong><?cs var:p.Price ?></strong> <span><?cs var:T.Plan.AMonth ?></span></p>
<?cs /if ?><?cs call:has_list(p.Has) ?>
<?cs if:Billing.On == "1" && p.Overage ?><p class="plan-note"><?cs var:p.Overage ?></p>
<?cs /if ?><?cs if:subcount(p.Adds) || subcount(p.Loses) ?><details class="plan-diff"><summary><?cs var:T.Billing.Plans.Difference ?></summary><ul class="diff-list">
<?cs each:d = p.Adds ?><li class="is-more"><?cs call:icon("plus") ?><span><span class="visually-hidden"><?cs var:T.Billing.Plans.More ?>: </span><?cs var:d.Text ?></span></li>
<?cs /each ?><?cs each:d = p.Loses ?><li class="is-less"><?cs call:icon("minus") ?><span><span class="visually-hidden"><?cs var:T.Billing.Plans.Less ?>: </span><?cs var:d.Text ?></span></li>
<?cs /each ?></ul></details>
<?cs /if ?><div class="plan-do"><?cs if:p.Action == "buy" ?><form method="post" action="/app/billing/checkout" data-once><?cs call:csrf() ?><input type="hidden" name="plan" value="<?cs var:p.Id ?>"><button class="btn btn-primary w-100"><?cs call:icon("credit-card") ?><?cs var:T.Billing.Plans.Buy ?> <?cs var:p.Name ?></button></form>
<?cs elif:p.Action == "upgrade" ?><a class="btn btn-primary w-100" href="/app/billing/change?plan=<?cs var:p.Id ?>"><?cs var:T.Billing.Plans.Upgrade ?> <?cs var:p.Name ?></a>
<?cs elif:p.Action == "downgrade" ?><a class="btn w-100" href="/app/billing/change?plan=<?cs var:p.Id ?>"><?cs var:T.Billing.Plans.Downgrade ?> <?cs var:p.Name ?></a>
<?cs elif:p.Action == "current_old" ?><p class="text-secondary mb-0"><?cs var:T.Billing.Plans.OldTerms ?></p>
<?cs /if ?></div></div></li>
<?cs /each ?></ul>
<?cs if:Billing.On == "1" && Billing.Write == "1" ?><p class="form-hint"><?cs var:T.Billing.Plans.Foot ?></p>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
