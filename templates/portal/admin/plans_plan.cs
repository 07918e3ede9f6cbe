<?cs include!"layout/top.cs" ?><?cs include!"portal/admin/parts.cs" ?>
<div class="container-xl page-body">
<a class="back-link" href="/admin/plans"><?cs call:icon("chevron-left") ?><?cs var:T.Nav.AdminPlans ?></a>
<h1 class="page-title mb-3"><?cs var:Edit.Title ?></h1>
<?cs call:form_error() ?>
<?cs if:Form.Stale == "1" ?><p class="text-secondary"><?cs var:T.Admin.Plans.Stale ?> <a href="/admin/plans/<?cs var:Edit.Plan ?>"><?cs var:T.Admin.Plans.Reload ?></a></p>
<?cs /if ?><div class="two-columns"><form method="post" action="/admin/plans/<?cs var:Edit.Plan ?>" data-once><?cs call:csrf() ?><input type="hidden" name="revision" value="<?cs var:Edit.Revision ?>">
<section class="card" aria-labelledby="s-sold"><div class="card-body"><h2 class="card-title" id="s-sold"><?cs var:T.Admin.Plans.Sold ?></h2>
<div class="form-grid"><div><label class="form-label" for="f-name"><?cs var:T.Field.BotName ?></label><input class="form-control<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" maxlength="60" required value="<?cs var:Edit.name ?>"></div>
<div><label class="form-label" for="f-price"><?cs var:T.Admin.Plans.Price ?></label><input class="form-control<?cs if:Form.Field == "price" ?> is-invalid<?cs /if ?>" id="f-price" name="price" inputmode="decimal" maxlength="16" required value="<?cs var:Edit.price ?>"></div>
<div><label class="form-label" for="f-currency"><?cs var:T.Admin.Plans.Currency ?></label><input class="form-control text-uppercase<?cs if:Form.Field == "currency" ?> is-invalid<?cs /if ?>" id="f-currency" name="currency" minlength="3" maxlength="3" required value="<?cs var:Edit.currency ?>"></div>
<div><label class="form-label" for="f-conversations"><?cs var:T.EntName.conversations ?></label><input class="form-control<?cs if:Form.Field == "conversations" ?> is-invalid<?cs /if ?>" id="f-conversations" name="conversations" inputmode="numeric" maxlength="13" value="<?cs var:Edit.conversations ?>" placeholder="<?cs var:T.Admin.Common.Unlimited ?>"></div></div>
<label class="form-check mt-3"><input class="form-check-input" type="checkbox" name="bills_overage" value="1"<?cs if:Edit.Bills == "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:T.Admin.Plans.Bills ?></span></label>
<label class="form-check"><input class="form-check-input" type="checkbox" name="public" value="1"<?cs if:Edit.Public == "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:T.Admin.Plans.Public ?></span></label>
<p class="form-hint mb-0"><?cs var:T.Admin.Plans.TermsHint ?></p></div></section>
<section class="card" aria-labelledby="s-holds"><div class="card-body"><h2 class="card-title" id="s-holds"><?cs var:T.Admin.Plans.Holds ?></h2><p class="form-hint"><?cs var:T.Admin.Plans.HoldsHint ?></p><div class="form-grid">
<?cs each:x = Values ?><?cs if:x.Kind == "switch" ?><label class="form-check form-grid-check"><input class="form-check-input" type="checkbox" name="<?cs var:x.Key ?>" value="1"<?cs if:x.On == "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:x.Name ?></span></label>
<?cs elif:x.Kind == "level" ?><div><label class="form-label" for="f-<?cs var:x.Key ?>"><?cs var:x.Name ?></label><select class="form-select" id="f-<?cs var:x.Key ?>" name="<?cs var:x.Key ?>"><?cs each:l = x.Levels ?><option value="<?cs var:l.Value ?>"<?cs if:l.Chosen == "1" ?> selected<?cs /if ?>><?cs var:l.Name ?></option><?cs /each ?></select></div>
<?cs else ?><div><label class="form-label" for="f-<?cs var:x.Key ?>"><?cs var:x.Name ?></label><input class="form-control<?cs if:Form.Field == x.Key ?> is-invalid<?cs /if ?>" id="f-<?cs var:x.Key ?>" name="<?cs var:x.Key ?>" inputmode="numeric" maxlength="13" value="<?cs var:x.Value ?>" placeholder="<?cs var:T.Admin.Common.Unlimited ?>"></div>
<?cs /if ?><?cs /each ?></div>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/admin/plans"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div></div></section></form>
<div><section class="card" aria-labelledby="s-terms"><div class="card-body"><h2 class="card-title" id="s-terms"><?cs var:T.Admin.Plans.Terms ?></h2><ul class="job-list">
<?cs each:t = Terms ?><li><span><strong><?cs var:t.Price ?></strong> · <?cs var:t.Conversations ?><?cs if:t.Current == "1" ?> <span class="badge bg-green-lt"><?cs var:T.Admin.Plans.Current ?></span><?cs /if ?></span><span class="text-secondary"><?cs var:T.Admin.Common.Since ?> <?cs call:date(t.Since, t.SinceIso) ?> · <?cs var:t.Paying ?> <?cs var:T.Admin.Plans.Pay ?></span></li>
<?cs /each ?></ul></div></section></div></div>
<section class="card" aria-labelledby="s-log"><div class="card-header"><h2 class="card-title" id="s-log"><?cs var:T.Admin.Common.History ?></h2></div><?cs call:log_list(Log) ?></section>
</div>
<?cs include!"layout/bottom.cs" ?>
