<?cs include!"layout/top.cs" ?>
<div class="container-tight error-page">
<?cs if:Error.Plan == "1" ?><p class="wait-icon" aria-hidden="true"><?cs call:icon("lock") ?></p><?cs else ?><p class="error-status" aria-hidden="true"><?cs var:Error.Status ?></p><?cs /if ?>
<h1><?cs var:Page.Title ?></h1>
<p class="text-secondary fs-3 mb-4"><?cs var:Error.Text ?></p>
<?cs if:Error.More ?><p><?cs var:Error.More ?></p>
<?cs /if ?><?cs if:Error.RetryAfter ?><p><?cs var:T.Errors.Retry ?> <?cs var:Error.RetryAfter ?> s.</p>
<?cs /if ?><?cs if:Error.Back == "1" ?><p><?cs var:T.Errors.Back ?></p>
<?cs /if ?><?cs if:Way.Plans == "1" && Way.Plan ?><p><a class="btn btn-primary" href="/app/billing/plans?plan=<?cs var:url_escape(Way.Plan) ?>"><?cs var:T.Plan.SeeOne ?> <?cs var:Way.PlanName ?></a></p>
<?cs elif:Way.Plans == "1" ?><p><a class="btn btn-primary" href="/app/billing/plans"><?cs var:T.Plan.See ?></a></p>
<?cs elif:Way.Ask ?><p><?cs var:Way.Ask ?></p>
<?cs /if ?><p<?cs if:Way.Plans != "1" ?> class="mt-4"<?cs /if ?>><a class="btn<?cs if:Way.Plans != "1" ?> btn-primary<?cs /if ?>" href="<?cs if:Page.SignedIn == "1" ?>/app<?cs else ?>/<?cs /if ?>"><?cs if:Page.SignedIn == "1" ?><?cs var:T.Errors.ToBots ?><?cs else ?><?cs var:T.Errors.ToStart ?><?cs /if ?></a></p>
</div>
<?cs include!"layout/bottom.cs" ?>
