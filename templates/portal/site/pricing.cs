<?cs include!"layout/top.cs" ?>
<section class="container-xl page-body pricing" data-pricing data-over="<?cs var:T.Site.Pricing.Over ?>" data-within="<?cs var:T.Site.Pricing.Within ?>" data-short="<?cs var:T.Site.Pricing.Short ?>" data-stops="<?cs var:T.Site.Pricing.Stops ?>" data-value="<?cs var:T.Site.Pricing.Value ?>">
<div class="pricing-head"><h1 class="home-title"><?cs var:T.Site.Pricing.Head ?></h1>
<p class="home-lead"><?cs if:Page.Billing == "1" ?><?cs var:T.Site.Pricing.Lead ?><?cs else ?><?cs var:T.Site.Pricing.LeadOff ?><?cs /if ?></p></div>
<?cs if:Page.Billing == "1" ?><form class="card pricing-form" method="get" action="/pricing"><div class="card-body">
<label class="form-label" for="f-conversations"><?cs var:T.Site.Pricing.Ask ?></label>
<div class="pricing-row"><input class="form-range js-only" type="range" min="0" max="1000" step="1" aria-label="<?cs var:T.Site.Pricing.Slider ?>" data-pricing-range>
<input class="form-control" id="f-conversations" type="number" name="conversations" inputmode="numeric" min="0" max="<?cs var:Pricing.Most ?>" step="1" value="<?cs var:Pricing.Conversations ?>" data-pricing-number><button class="btn no-js-only"><?cs var:T.Site.Pricing.Show ?></button></div>
<p class="visually-hidden" role="status" data-pricing-says></p>
</div></form>
<?cs /if ?><ul class="plan-grid">
<?cs each:p = Plans ?><li class="card plan-card<?cs if:p.Fits == "1" && Page.Billing == "1" ?> is-chosen<?cs /if ?><?cs if:!p.Total ?> is-short<?cs /if ?>" data-plan="<?cs var:p.Name ?>" data-units="<?cs var:p.Units ?>" data-included="<?cs var:p.IncludedUnits ?>" data-overage="<?cs var:p.OverageUnits ?>" data-zero="<?cs var:p.Zero ?>"><div class="card-body">
<div class="plan-top"><h2 class="plan-name"><?cs var:p.Name ?></h2><?cs if:Page.Billing == "1" ?><span class="badge bg-blue-lt plan-fits"><?cs var:T.Site.Pricing.Fits ?></span><?cs /if ?></div>
<?cs if:Page.Billing == "1" ?><p class="plan-price"><strong><?cs var:p.Price ?></strong> <span><?cs var:T.Plan.AMonth ?></span></p>
<?cs /if ?><ul class="has-list">
<?cs each:h = p.Has ?><li><?cs call:icon("check") ?><span><?cs var:h.Text ?></span></li>
<?cs /each ?></ul>
<?cs if:Page.Billing == "1" ?><?cs if:p.Overage ?><p class="plan-note"><?cs var:p.Overage ?></p>
<?cs /if ?><div class="plan-total"><p class="plan-sum"><strong data-plan-total><?cs if:p.Total ?><?cs var:p.Total ?><?cs else ?><?cs var:T.Site.Pricing.Short ?><?cs /if ?></strong> <span><?cs var:T.Plan.AMonth ?></span></p><p data-plan-why><?cs var:p.Why ?></p></div>
<?cs if:Pricing.Member == "1" ?><a class="btn w-100 plan-go" href="/app/billing/plans?plan=<?cs var:p.Id ?>"><?cs var:T.Site.Pricing.Choose ?> <span class="visually-hidden"><?cs var:p.Name ?></span></a>
<?cs elif:Page.SignedIn != "1" && Page.SignUp == "1" ?><a class="btn w-100 plan-go" href="/signup?plan=<?cs var:p.Id ?>"><?cs if:p.Free == "1" ?><?cs var:T.Site.Pricing.StartFree ?><?cs else ?><?cs var:T.Site.Pricing.Start ?><?cs /if ?> <span class="visually-hidden"><?cs var:p.Name ?></span></a>
<?cs /if ?><?cs /if ?></div></li>
<?cs /each ?></ul>
<?cs if:Page.Billing == "1" ?><p class="pricing-foot text-secondary"><?cs var:T.Site.Pricing.Foot ?></p>
<?cs else ?><p class="pricing-foot text-secondary"><?cs var:T.Site.Pricing.Operator ?></p>
<?cs /if ?></section>
<?cs include!"layout/bottom.cs" ?>
