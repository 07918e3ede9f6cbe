<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<a class="back-link" href="/app/engines"><?cs call:icon("chevron-left") ?><?cs var:T.Engines.Index.Title ?></a>
<h1 class="page-title mb-3"><?cs if:Engine.New == "1" ?><?cs var:T.Engines.Engine.NewTitle ?>: <?cs var:Engine.TypeLabel ?><?cs else ?><?cs var:Engine.Name ?><?cs /if ?></h1>
<?cs call:form_error() ?>
<form class="card" method="post" action="/app/engines/<?cs var:Engine.Id ?>" data-once autocomplete="off"><div class="card-body">
<?cs call:csrf() ?><?cs if:Engine.New == "1" ?><input type="hidden" name="type" value="<?cs var:Engine.Type ?>"><?cs /if ?>
<div class="mb-3"><label class="form-label" for="f-name"><?cs var:T.Engines.Engine.Name ?></label><input class="form-control<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" value="<?cs var:Engine.Name ?>" maxlength="120" required aria-describedby="h-name<?cs if:Form.Field == "name" ?> form-error<?cs /if ?>"><small class="form-hint" id="h-name"><?cs var:T.Engines.Engine.NameHint ?></small></div>
<?cs each:f = Fields ?><div class="mb-3"><label class="form-label<?cs if:f.Required == "1" ?> required<?cs /if ?>" for="f-<?cs var:f.Name ?>"><?cs var:f.Label ?></label>
<?cs if:f.Input == "block" ?><textarea class="form-control font-monospace<?cs if:Form.Field == f.Name ?> is-invalid<?cs /if ?>" id="f-<?cs var:f.Name ?>" name="<?cs var:f.Name ?>" rows="6" spellcheck="false"<?cs if:f.Required == "1" ?> required<?cs /if ?><?cs if:f.Set == "1" || Form.Field == f.Name ?> aria-describedby="<?cs if:f.Set == "1" ?>h-<?cs var:f.Name ?><?cs /if ?><?cs if:Form.Field == f.Name ?> form-error<?cs /if ?>"<?cs /if ?>></textarea>
<?cs else ?><input class="form-control<?cs if:f.Input != "text" ?> font-monospace<?cs /if ?><?cs if:Form.Field == f.Name ?> is-invalid<?cs /if ?>" id="f-<?cs var:f.Name ?>" name="<?cs var:f.Name ?>"<?cs if:f.Input == "password" ?> type="password" autocomplete="new-password"<?cs elif:f.Input == "url" ?> type="url" inputmode="url" placeholder="https://"<?cs else ?> type="text"<?cs /if ?> value="<?cs var:f.Value ?>" spellcheck="false"<?cs if:f.Name == "model" || f.Name == "embedding_model" ?> list="models"<?cs /if ?><?cs if:f.Required == "1" ?> required<?cs /if ?><?cs if:f.Set == "1" || Form.Field == f.Name ?> aria-describedby="<?cs if:f.Set == "1" ?>h-<?cs var:f.Name ?><?cs /if ?><?cs if:Form.Field == f.Name ?> form-error<?cs /if ?>"<?cs /if ?>>
<?cs /if ?><?cs if:f.Set == "1" ?><small class="form-hint" id="h-<?cs var:f.Name ?>"><?cs var:T.Engines.Engine.SecretSet ?></small><label class="form-check mt-1"><input class="form-check-input" type="checkbox" name="remove_<?cs var:f.Name ?>" value="1"><span class="form-check-label"><?cs var:T.Engines.Engine.SecretRemove ?></span></label><?cs /if ?></div>
<?cs /each ?>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app/engines"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div>
</div></form>
<datalist id="models"></datalist>
<?cs if:Engine.New != "1" ?><section class="card mt-3" aria-labelledby="s-probe"><form class="card-body" method="post" action="/app/engines/<?cs var:Engine.Id ?>/probe" data-probe data-waits="<?cs var:T.Engines.Engine.ProbeWaits ?>" data-offers="<?cs var:T.Engines.Engine.ProbeOffers ?>" data-failed="<?cs var:T.Engines.Engine.ProbeFailed ?>">
<?cs call:csrf() ?><h2 class="card-title" id="s-probe"><?cs var:T.Engines.Engine.ProbeHead ?></h2>
<p class="text-secondary"><?cs var:T.Engines.Engine.ProbeText ?></p>
<div class="probe-row"><button class="btn"><?cs call:icon("player-play") ?><?cs var:T.Engines.Engine.Probe ?></button><p class="probe-says text-break" role="status" data-probe-says></p></div>
</form></section>
<?cs if:Engine.LateAddress || Engine.LateMissing ?><section class="card mt-3" aria-labelledby="h-late"><div class="card-header"><h2 class="card-title" id="h-late"><?cs var:T.Engines.Engine.LateHead ?></h2></div><div class="card-body">
<?cs if:Engine.LateAddress ?><p class="text-secondary" id="h-late-text"><?cs var:T.Engines.Engine.LateText ?></p>
<label class="form-label" for="f-late"><?cs var:T.Engines.Engine.LateAddress ?></label>
<div class="copy-row"><input class="form-control font-monospace" id="f-late" value="<?cs var:Engine.LateAddress ?>" readonly aria-describedby="h-late-text"><button type="button" class="btn js-only" data-copy="f-late" data-copied="<?cs var:T.Form.Copied ?>"><?cs call:icon("copy") ?><span><?cs var:T.Form.Copy ?></span></button></div>
<?cs else ?><p class="text-secondary mb-0"><?cs var:T.Engines.Engine.LateMissing ?> <strong><?cs var:Engine.LateMissing ?></strong></p><?cs /if ?>
</div></section><?cs /if ?>
<details class="card fold mt-3"><summary class="card-header"><?cs var:T.Engines.Engine.DeleteHead ?></summary><div class="card-body">
<p class="text-secondary"><?cs var:T.Engines.Engine.DeleteText ?> <?cs var:Engine.Bots ?>.</p>
<form method="post" action="/app/engines/<?cs var:Engine.Id ?>/delete" data-once><?cs call:csrf() ?><button class="btn btn-outline-danger"><?cs call:icon("trash") ?><?cs var:T.Engines.Engine.Delete ?></button></form>
</div></details><?cs /if ?>
</div></div>
<?cs include!"layout/bottom.cs" ?>
