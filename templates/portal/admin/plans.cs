<?cs include!"layout/top.cs" ?><?cs include!"portal/admin/parts.cs" ?>
<div class="container-xl page-body">
<h1 class="page-title mb-3"><?cs var:T.Nav.AdminPlans ?></h1>
<?cs if:Setup.Words ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:T.Admin.Common.SetupHead ?> <?cs var:Setup.Words ?>. <?cs var:T.Admin.Common.SetupHow ?> <code>parley billing setup</code></div></div>
<?cs /if ?><div class="card table-card" tabindex="0" role="region" aria-label="<?cs var:T.Nav.AdminPlans ?>"><table class="table card-table"><thead><tr><th scope="col"><?cs var:T.Admin.Plans.Plan ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.Price ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.Conversations ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.Thousand ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.PayingNow ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.OlderTerms ?></th><th scope="col" class="text-end"><?cs var:T.Admin.Plans.AssignedTo ?></th></tr></thead><tbody>
<?cs each:p = Plans ?><tr><td><a href="/admin/plans/<?cs var:p.Id ?>"><strong><?cs var:p.Name ?></strong></a><?cs if:p.Public != "1" ?> <span class="badge bg-secondary-lt"><?cs var:T.Admin.Plans.Hidden ?></span><?cs /if ?></td><td class="text-end"><?cs var:p.Price ?></td><td class="text-end"><?cs var:p.Conversations ?></td><td class="text-end"><?cs if:p.Thousand ?><?cs var:p.Thousand ?><?cs else ?>–<?cs /if ?></td><td class="text-end"><?cs var:p.Paying ?></td><td class="text-end"><?cs var:p.Older ?></td><td class="text-end"><?cs var:p.Assigned ?></td></tr>
<?cs /each ?></tbody></table></div>
<p class="form-hint"><?cs var:T.Admin.Plans.PlansHint ?></p>
</div>
<?cs include!"layout/bottom.cs" ?>
