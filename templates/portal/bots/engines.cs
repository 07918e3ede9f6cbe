<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?><?cs
def:engines_number(field, label, hint, value) ?><div><label class="form-label" for="f-<?cs var:field ?>"><?cs var:label ?></label><input class="form-control<?cs if:Form.Field == field ?> is-invalid<?cs /if ?>" id="f-<?cs var:field ?>" name="<?cs var:field ?>" value="<?cs var:value ?>" inputmode="decimal" maxlength="12"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?><?cs if:hint ?> aria-describedby="h-<?cs var:field ?>"<?cs /if ?>><?cs if:hint ?><small class="form-hint" id="h-<?cs var:field ?>"><?cs var:hint ?></small><?cs /if ?></div><?cs /def ?><?cs
def:engines_lines(field, label, hint, value) ?><div class="mb-3"><label class="form-label" for="f-<?cs var:field ?>"><?cs var:label ?></label><textarea class="form-control<?cs if:Form.Field == field ?> is-invalid<?cs /if ?>" id="f-<?cs var:field ?>" name="<?cs var:field ?>" rows="2" spellcheck="false" aria-describedby="h-<?cs var:field ?>"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><?cs var:value ?></textarea><small class="form-hint" id="h-<?cs var:field ?>"><?cs var:hint ?></small></div><?cs /def ?><?cs
def:engines_cap(scope, cap, label) ?><?cs set:field = scope + "_" + cap ?><?cs call:engines_number(field, label, "", Engines[field]) ?><?cs /def ?><?cs
def:engines_caps(scope, legend, open) ?><details class="fold mb-2"<?cs if:Form.Error || open == "1" ?> open<?cs /if ?>><summary><?cs var:legend ?></summary><div class="field-grid mt-2 mb-3">
<?cs call:engines_cap(scope, "calls_day", T.Bots.Engines.CallsDay) ?><?cs call:engines_cap(scope, "calls_month", T.Bots.Engines.CallsMonth) ?>
<?cs call:engines_cap(scope, "tokens_day", T.Bots.Engines.TokensDay) ?><?cs call:engines_cap(scope, "tokens_month", T.Bots.Engines.TokensMonth) ?>
<?cs call:engines_cap(scope, "cost_day", T.Bots.Engines.CostDay) ?><?cs call:engines_cap(scope, "cost_month", T.Bots.Engines.CostMonth) ?>
</div></details><?cs /def ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs var:T.Bots.Engines.Head ?></h2>
<p class="text-secondary"><?cs var:T.Bots.Engines.Text ?></p>
<?cs call:form_error() ?>
<?cs if:subcount(Reached) ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><h3 class="alert-title"><?cs var:T.EngineCaps.Head ?></h3><?cs each:r = Reached ?><p class="mb-1"><?cs var:r.Text ?></p><?cs /each ?></div></div><?cs /if ?>
<?cs if:Engines.Any == "1" && Engines.Unused == "1" ?><div class="alert alert-info" role="note"><?cs call:icon("info-circle") ?><div class="ms-2"><?cs var:T.Bots.Engines.Unused ?> <a href="/app/bots/<?cs var:Bot.Id ?>/flow"><?cs var:T.Bots.Engines.ToFlow ?></a></div></div><?cs elif:Engines.Any == "1" && Engines.None == "1" ?><div class="alert alert-info" role="note"><?cs call:icon("info-circle") ?><div class="ms-2"><?cs var:T.Bots.Engines.NoChain ?></div></div><?cs /if ?>
<?cs if:Engines.Any != "1" ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("server-bolt") ?></div><h3 class="empty-title"><?cs var:T.Bots.Engines.EmptyHead ?></h3><p class="empty-subtitle text-secondary"><?cs var:T.Bots.Engines.EmptyText ?></p><div class="empty-action"><a class="btn btn-primary" href="/app/engines"><?cs var:T.Bots.Engines.ToEngines ?></a></div></div></div>
<?cs else ?><section class="card" aria-labelledby="s-usage"><div class="card-body"><h3 class="card-title" id="s-usage"><?cs var:T.Bots.Engines.Usage ?></h3>
<?cs include!"layout/engine_usage.cs" ?></div></section>
<form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/engines" data-once><div class="card-body">
<?cs call:csrf() ?><input type="hidden" name="revision" value="<?cs var:Engines.Revision ?>">
<fieldset class="mb-3"><legend class="form-label"><?cs var:T.Bots.Engines.Chain ?></legend><p class="form-hint"><?cs var:T.Bots.Engines.ChainHint ?></p>
<?cs each:p = Places ?><div class="mb-2"><label class="visually-hidden" for="f-engine-<?cs var:p.Number ?>"><?cs var:T.Bots.Engines.Place ?> <?cs var:p.Number ?></label><select class="form-select" id="f-engine-<?cs var:p.Number ?>" name="engine_<?cs var:p.Number ?>"<?cs if:Can.BotWrite != "1" ?> disabled<?cs /if ?>><option value=""><?cs var:p.Number ?>. <?cs var:T.Bots.Engines.None ?></option><?cs each:g = p.Engines ?><option value="<?cs var:g.Id ?>"<?cs if:g.Selected == "1" ?> selected<?cs /if ?>><?cs var:p.Number ?>. <?cs var:g.Name ?></option><?cs /each ?></select></div>
<?cs /each ?></fieldset>
<div class="mb-3"><label class="form-label" for="f-prompt"><?cs var:T.Bots.Engines.Prompt ?></label><textarea class="form-control<?cs if:Form.Field == "prompt" ?> is-invalid<?cs /if ?>" id="f-prompt" name="prompt" rows="8" maxlength="<?cs var:Engines.PromptMax ?>" aria-describedby="h-prompt"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><?cs var:Engines.prompt ?></textarea><small class="form-hint" id="h-prompt"><?cs var:T.Bots.Engines.PromptHint ?></small></div>
<div class="mb-3"><label class="form-label" for="f-language"><?cs var:T.Bots.Engines.Language ?></label><input class="form-control<?cs if:Form.Field == "language" ?> is-invalid<?cs /if ?>" id="f-language" name="language" value="<?cs var:Engines.language ?>" maxlength="35" list="languages" autocomplete="off" spellcheck="false" aria-describedby="h-language"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><datalist id="languages"><option value="visitor"><?cs var:T.Bots.Engines.LanguageVisitor ?></option><option value="flow"><?cs var:T.Bots.Engines.LanguageFlow ?></option></datalist><small class="form-hint" id="h-language"><?cs var:T.Bots.Engines.LanguageHint ?></small></div>
<div class="mb-3"><label class="form-label" for="f-fallback"><?cs var:T.Bots.Engines.Fallback ?></label><input class="form-control" id="f-fallback" name="fallback" value="<?cs var:Engines.fallback ?>" maxlength="1000" aria-describedby="h-fallback"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><small class="form-hint" id="h-fallback"><?cs var:T.Bots.Engines.FallbackHint ?></small></div>
<label class="form-check mb-3"><input class="form-check-input" type="checkbox" name="mask" value="1"<?cs if:Engines.mask == "1" ?> checked<?cs /if ?><?cs if:Can.BotWrite != "1" ?> disabled<?cs /if ?>><span class="form-check-label"><?cs var:T.Bots.Engines.Mask ?></span><span class="form-check-description"><?cs var:T.Bots.Engines.MaskHint ?></span></label>
<?cs call:engines_lines("mask_patterns", T.Bots.Engines.Patterns, T.Bots.Engines.PatternsHint, Engines.mask_patterns) ?>
<?cs call:engines_number("budget_s", T.Bots.Engines.Budget, T.Bots.Engines.BudgetHint, Engines.budget_s) ?>
</div>
<details class="fold card-body border-top"<?cs if:Form.Error || Unfold.answers == "1" ?> open<?cs /if ?>><summary><?cs var:T.Bots.Engines.Answers ?></summary>
<div class="field-grid mb-3 mt-3">
<?cs call:engines_number("temperature", T.Bots.Engines.Temperature, T.Bots.Engines.TemperatureHint, Engines.temperature) ?>
<?cs call:engines_number("top_p", T.Bots.Engines.TopP, T.Bots.Engines.TopPHint, Engines.top_p) ?>
<?cs call:engines_number("seed", T.Bots.Engines.Seed, T.Bots.Engines.SeedHint, Engines.seed) ?>
<?cs call:engines_number("max_tokens", T.Bots.Engines.MaxTokens, "", Engines.max_tokens) ?>
<?cs call:engines_number("history_tokens", T.Bots.Engines.HistoryTokens, "", Engines.history_tokens) ?>
</div>
<?cs call:engines_lines("stop", T.Bots.Engines.Stop, T.Bots.Engines.StopHint, Engines.stop) ?>
</details>
<div class="card-body border-top">
<h3 class="h4"><?cs var:T.Bots.Engines.Caps ?></h3><p class="form-hint"><?cs var:T.Bots.Engines.CapsHint ?></p>
<?cs call:engines_caps("visitor", T.Bots.Engines.OfVisitor, Unfold.visitor) ?>
<?cs call:engines_caps("bot", T.Bots.Engines.OfBot, Unfold.bot) ?>
<?cs call:engines_caps("workspace", T.Bots.Engines.OfWorkspace, Unfold.workspace) ?>
<?cs if:Can.BotWrite == "1" ?><div class="form-end"><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div><?cs /if ?>
</div></form><?cs /if ?>
<?cs if:subcount(Canary.Arms) ?><div class="mt-4"><h3 class="h4" id="s-canary"><?cs var:T.Bots.Engines.CanaryHead ?></h3>
<p class="text-secondary"><?cs if:Canary.Percent == "0" ?><?cs var:T.Bots.Engines.CanaryEnded ?><?cs else ?><?cs var:T.Bots.Engines.CanaryRuns ?> <?cs var:Canary.Percent ?> %.<?cs /if ?> <?cs if:Canary.Version ?><?cs var:T.Bots.Engines.CanaryVersion ?> <?cs var:Canary.Version ?>.<?cs else ?><?cs var:T.Bots.Engines.CanaryChain ?><?cs /if ?> <?cs var:T.Bots.Engines.CanarySince ?> <?cs var:Canary.Since ?> UTC.</p>
<div class="card table-card" tabindex="0" role="region" aria-labelledby="s-canary"><table class="table card-table"><thead><tr><th scope="col"><?cs var:T.Bots.Engines.CanaryOf ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryConversations ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryAnswered ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryHandedOff ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryRated ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryTime ?></th><th scope="col"><?cs var:T.Bots.Engines.CanaryPrice ?></th></tr></thead><tbody>
<?cs each:r = Canary.Arms ?><tr><th scope="row"><?cs var:r.Name ?></th><td><?cs var:r.Conversations ?></td><td><?cs var:r.Answered ?></td><td><?cs var:r.HandedOff ?></td><td>+<?cs var:r.RatedUp ?> / −<?cs var:r.RatedDown ?></td><td><?cs var:r.Time ?> ms</td><td><?cs var:r.Price ?></td></tr>
<?cs /each ?></tbody></table></div></div><?cs /if ?>
<?cs if:Can.BotPublish == "1" && Engines.Any == "1" ?><p class="mt-3"><a href="/app/bots/<?cs var:Bot.Id ?>/canary"><?cs var:T.Bots.Canary.Link ?></a></p><?cs /if ?>
</div></div>
<?cs include!"layout/bottom.cs" ?>
