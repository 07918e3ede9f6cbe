<?cs # Parts that many pages use. ?><?cs
def:icon(name) ?><svg class="icon" aria-hidden="true" focusable="false"><use href="/vendor/icons.svg#<?cs var:name ?>"></use></svg><?cs /def ?><?cs
def:csrf() ?><input type="hidden" name="_csrf" value="<?cs var:Page.Csrf ?>"><?cs /def ?><?cs
def:form_error() ?><?cs if:Form.Error ?><div class="alert alert-danger" role="alert" id="form-error"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:Form.Error ?><?cs if:Form.Plans == "1" ?> <a href="/app/billing/plans"><?cs var:T.Plan.See ?></a><?cs /if ?></div></div><?cs /if ?><?cs /def ?><?cs
def:time(text, iso) ?><?cs if:text ?><time datetime="<?cs var:iso ?>" title="<?cs var:text ?> UTC" data-time><?cs var:text ?></time><?cs /if ?><?cs /def ?><?cs
def:state_badge(state, text) ?><?cs if:state == "open" ?><span class="badge bg-green-lt"><?cs var:text ?></span><?cs elif:state == "handoff" ?><span class="badge bg-orange-lt"><?cs var:text ?></span><?cs else ?><span class="badge bg-secondary-lt"><?cs var:text ?></span><?cs /if ?><?cs /def ?><?cs
def:bot_badge(live, differs) ?><?cs if:#live > #0 ?><span class="badge bg-green-lt"><?cs var:T.BotState.Live ?></span><?cs if:differs == "1" ?> <span class="badge bg-yellow-lt"><?cs var:T.BotState.Differs ?></span><?cs /if ?><?cs else ?><span class="badge bg-secondary-lt"><?cs var:T.BotState.Draft ?></span><?cs /if ?><?cs /def ?>
