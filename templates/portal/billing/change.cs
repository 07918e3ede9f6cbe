<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<a class="back-link" href="/app/billing/plans"><?cs call:icon("chevron-left") ?><?cs var:T.Billing.Plans.Title ?></a>
<h1 class="page-title mb-3"><?cs var:Page.Title ?></h1>
<?cs call:form_error() ?>
<form method="post" action="/app/billing/change" data-once><?cs call:csrf() ?><input type="hidden" name="plan" value="<?cs var:Change.Plan ?>"><input type="hidden" name="proration" value="<?cs var:Change.Proration ?>">
<section class="card" aria-labelledby="s-cost"><div class="card-body">
<h2 class="card-title" id="s-cost"><?cs if:Change.Kind == "upgrade" ?><?cs var:T.Billing.Change.Now ?><?cs elif:Change.Kind == "move" ?><?cs var:T.Billing.Change.Move ?><?cs else ?><?cs var:T.Billing.Change.Later ?><?cs /if ?></h2>
<?cs if:Change.Kind == "upgrade" ?><p class="next-sum"><strong><?cs var:Change.Due ?></strong> <span><?cs var:T.Billing.Change.Due ?></span></p>
<?cs if:subcount(Lines) ?><table class="table table-sm sum-table"><caption class="visually-hidden"><?cs var:T.Billing.Change.Lines ?></caption><thead class="visually-hidden"><tr><th scope="col"><?cs var:T.Billing.Change.What ?></th><th scope="col"><?cs var:T.Billing.Change.Amount ?></th></tr></thead><tbody>
<?cs each:l = Lines ?><tr><td><?cs var:l.Words ?></td><td class="text-end"><?cs var:l.Amount ?></td></tr>
<?cs /each ?></tbody></table>
<?cs /if ?><p class="text-secondary mb-0"><?cs var:T.Billing.Change.Then ?> <?cs var:Change.Next ?> <?cs var:T.Plan.AMonth ?>. <?cs var:T.Billing.Change.UpgradeText ?></p>
<?cs elif:Change.Kind == "cancel" ?><p><strong><time datetime="<?cs var:Change.AtIso ?>"><?cs var:Change.At ?></time></strong> – <?cs var:T.Billing.Change.CancelWhen ?></p><p class="text-secondary mb-0"><?cs var:Change.Then ?></p>
<?cs else ?><p><strong><time datetime="<?cs var:Change.AtIso ?>"><?cs var:Change.At ?></time></strong> – <?cs var:T.Billing.Change.DownWhen ?></p><p class="text-secondary mb-0"><?cs var:T.Billing.Change.Then ?> <?cs var:Change.Next ?> <?cs var:T.Plan.AMonth ?>. <?cs var:T.Billing.Change.DownText ?></p>
<?cs /if ?></div></section>
<?cs if:subcount(Change.Adds) || subcount(Change.Loses) ?><section class="card" aria-labelledby="s-diff"><div class="card-body"><h2 class="card-title" id="s-diff"><?cs var:T.Billing.Plans.Difference ?></h2><ul class="diff-list">
<?cs each:d = Change.Adds ?><li class="is-more"><?cs call:icon("plus") ?><span><span class="visually-hidden"><?cs var:T.Billing.Plans.More ?>: </span><?cs var:d.Text ?></span></li>
<?cs /each ?><?cs each:d = Change.Loses ?><li class="is-less"><?cs call:icon("minus") ?><span><span class="visually-hidden"><?cs var:T.Billing.Plans.Less ?>: </span><?cs var:d.Text ?></span></li>
<?cs /each ?></ul></div></section>
<?cs /if ?><?cs if:Change.Bots == "1" ?><section class="card" aria-labelledby="s-bots"><div class="card-body"><fieldset data-most="<?cs var:Change.Keep ?>"><legend class="card-title" id="s-bots"><?cs var:T.Billing.Change.BotsHead ?></legend>
<p class="text-secondary"><?cs var:Change.KeepText ?> <?cs var:T.Billing.Change.BotsText ?></p>
<?cs each:b = Bots ?><label class="form-check"><input class="form-check-input" type="checkbox" name="keep_<?cs var:b.Id ?>" value="1"<?cs if:b.Keep == "1" ?> checked<?cs /if ?>><span class="form-check-label"><?cs var:b.Name ?><?cs if:#b.Live > #0 ?> <span class="badge bg-green-lt"><?cs var:T.BotState.Live ?></span><?cs /if ?></span></label>
<?cs /each ?></fieldset></div></section>
<?cs /if ?><div class="form-end"><a class="btn btn-ghost-secondary" href="/app/billing"><?cs var:T.Billing.Change.Keep ?> <?cs var:Change.From ?></a><?cs if:Change.Kind == "cancel" ?><button class="btn btn-danger"><?cs var:T.Billing.Change.CancelButton ?></button><?cs elif:Change.Kind == "upgrade" ?><button class="btn btn-primary"><?cs call:icon("credit-card") ?><?cs var:T.Billing.Change.Pay ?> <?cs var:Change.Due ?></button><?cs else ?><button class="btn btn-primary"><?cs var:T.Billing.Change.DownButton ?> <?cs var:Change.To ?></button><?cs /if ?></div>
</form></div></div>
<?cs include!"layout/bottom.cs" ?>
