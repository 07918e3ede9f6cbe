<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?><?cs
def:engines_number(field, label, hint, value) ?><div><label class="form-label" for="f-<?cs var:field ?>"><?cs var:label ?></label><input class="form-control<?cs if:Form.Field == field ?> is-invalid<?cs /if ?>" id="f-<?cs var:field ?>" name="<?cs var:field ?>" value="<?cs var:value ?>" inputmode="decimal" maxlength="12"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?><?cs if:hint ?> aria-describedby="h-<?cs var:field ?>"<?cs /if ?>><?cs if:hint ?><small class="form-hint" id="h-<?cs var:field ?>"><?cs var:hint ?></small><?cs /if ?></div><?cs /def ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs var:T.Bots.Engines.Head ?></h2>
<p class="text-secondary"><?cs var:T.Bots.Engines.Text ?></p>
<?cs call:form_error() ?>
<?cs if:Engines.Any != "1" ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("server-bolt") ?></div><h3 class="empty-title"><?cs var:T.Bots.Engines.EmptyHead ?></h3><p class="empty-subtitle text-secondary"><?cs var:T.Bots.Engines.EmptyText ?></p><div class="empty-action"><a class="btn btn-primary" href="/app/engines"><?cs var:T.Bots.Engines.ToEngines ?></a></div></div></div>
<?cs else ?><form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/engines" data-once><div class="card-body">
<?cs call:csrf() ?><input type="hidden" name="revision" value="<?cs var:Engines.Revision ?>">
<fieldset class="mb-3"><legend class="form-label"><?cs var:T.Bots.Engines.Chain ?></legend><p class="form-hint"><?cs var:T.Bots.Engines.ChainHint ?></p>
<?cs each:p = Places ?><div class="mb-2"><label class="visually-hidden" for="f-engine-<?cs var:p.Number ?>"><?cs var:T.Bots.Engines.Place ?> <?cs var:p.Number ?></label><select class="form-select" id="f-engine-<?cs var:p.Number ?>" name="engine_<?cs var:p.Number ?>"<?cs if:Can.BotWrite != "1" ?> disabled<?cs /if ?>><option value=""><?cs var:p.Number ?>. <?cs var:T.Bots.Engines.None ?></option><?cs each:g = p.Engines ?><option value="<?cs var:g.Id ?>"<?cs if:g.Selected == "1" ?> selected<?cs /if ?>><?cs var:p.Number ?>. <?cs var:g.Name ?></option><?cs /each ?></select></div>
<?cs /each ?></fieldset>
<div class="mb-3"><label class="form-label" for="f-prompt"><?cs var:T.Bots.Engines.Prompt ?></label><textarea class="form-control<?cs if:Form.Field == "prompt" ?> is-invalid<?cs /if ?>" id="f-prompt" name="prompt" rows="8" maxlength="<?cs var:Engines.PromptMax ?>" aria-describedby="h-prompt"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><?cs var:Engines.prompt ?></textarea><small class="form-hint" id="h-prompt"><?cs var:T.Bots.Engines.PromptHint ?></small></div>
<div class="mb-3"><label class="form-label" for="f-fallback"><?cs var:T.Bots.Engines.Fallback ?></label><input class="form-control" id="f-fallback" name="fallback" value="<?cs var:Engines.fallback ?>" maxlength="1000" aria-describedby="h-fallback"<?cs if:Can.BotWrite != "1" ?> readonly<?cs /if ?>><small class="form-hint" id="h-fallback"><?cs var:T.Bots.Engines.FallbackHint ?></small></div>
<label class="form-check mb-3"><input class="form-check-input" type="checkbox" name="mask" value="1"<?cs if:Engines.mask == "1" ?> checked<?cs /if ?><?cs if:Can.BotWrite != "1" ?> disabled<?cs /if ?>><span class="form-check-label"><?cs var:T.Bots.Engines.Mask ?></span><span class="form-check-description"><?cs var:T.Bots.Engines.MaskHint ?></span></label>
<div class="field-grid mb-3">
<?cs call:engines_number("temperature", T.Bots.Engines.Temperature, T.Bots.Engines.TemperatureHint, Engines.temperature) ?>
<?cs call:engines_number("max_tokens", T.Bots.Engines.MaxTokens, "", Engines.max_tokens) ?>
<?cs call:engines_number("history_tokens", T.Bots.Engines.HistoryTokens, "", Engines.history_tokens) ?>
<?cs call:engines_number("budget_s", T.Bots.Engines.Budget, T.Bots.Engines.BudgetHint, Engines.budget_s) ?>
</div>
<h3 class="h4"><?cs var:T.Bots.Engines.Caps ?></h3><p class="form-hint"><?cs var:T.Bots.Engines.CapsHint ?></p>
<div class="field-grid">
<?cs call:engines_number("visitor_calls_day", T.Bots.Engines.VisitorCallsDay, "", Engines.visitor_calls_day) ?>
<?cs call:engines_number("bot_calls_day", T.Bots.Engines.BotCallsDay, "", Engines.bot_calls_day) ?>
<?cs call:engines_number("bot_tokens_month", T.Bots.Engines.BotTokensMonth, "", Engines.bot_tokens_month) ?>
<?cs call:engines_number("workspace_tokens_month", T.Bots.Engines.WorkspaceTokensMonth, "", Engines.workspace_tokens_month) ?>
</div>
<?cs if:Can.BotWrite == "1" ?><div class="form-end"><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div><?cs /if ?>
</div></form><?cs /if ?>
</div></div>
<?cs include!"layout/bottom.cs" ?>
