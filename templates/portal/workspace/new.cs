<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body">
<a class="back-link" href="/app"><?cs call:icon("chevron-left") ?><?cs var:T.Nav.Bots ?></a>
<h1 class="page-title mb-3"><?cs var:T.Workspace.New.Title ?></h1>
<?cs if:!Form.File ?><?cs call:form_error() ?><?cs /if ?>
<form method="post" action="/app/new" data-once>
<?cs call:csrf() ?><input type="hidden" name="once" value="<?cs var:Form.once ?>">
<div class="card mb-3"><div class="card-body new-grid">
<div><label class="form-label required" for="f-name"><?cs var:T.Field.BotName ?></label>
<input class="form-control<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" value="<?cs var:Form.name ?>" maxlength="120" required autofocus></div>
<div><label class="form-label" for="f-language"><?cs var:T.Field.Language ?></label>
<select class="form-select" id="f-language" name="language"><?cs each:l = Languages ?><option value="<?cs var:l.Id ?>"<?cs if:Form.language == l.Id ?> selected<?cs /if ?>><?cs var:l.Name ?></option><?cs /each ?></select></div>
</div></div>
<fieldset><legend class="h3"><?cs var:T.Workspace.New.Template ?></legend>
<div class="template-grid">
<?cs each:t = Templates ?><label class="template-card"><input type="radio" class="form-check-input" name="template" value="<?cs var:t.Id ?>"<?cs if:t.Chosen == "1" ?> checked<?cs /if ?>>
<span class="template-text"><strong><?cs var:t.Name ?></strong><span class="text-secondary"><?cs var:t.Summary ?></span></span></label>
<?cs /each ?></div></fieldset>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs var:T.Workspace.New.Button ?></button></div>
</form>
<details class="card fold"<?cs if:Form.File ?> open<?cs /if ?>><summary class="card-header"><?cs var:T.Workspace.New.FileHead ?></summary>
<div class="card-body">
<?cs if:Form.File ?><?cs call:form_error() ?><?cs /if ?>
<form method="post" action="/app/new/file" enctype="multipart/form-data" data-once>
<?cs call:csrf() ?><input type="hidden" name="once" value="<?cs var:Form.once ?>">
<p class="text-secondary"><?cs var:T.Workspace.New.FileText ?></p>
<div class="new-grid mb-3"><div><label class="form-label required" for="f-file"><?cs var:T.Field.File ?></label><input class="form-control" id="f-file" type="file" name="file" accept=".json,application/json" required></div>
<div><label class="form-label" for="f-filename"><?cs var:T.Workspace.New.FileName ?></label><input class="form-control" id="f-filename" name="name" maxlength="120"></div></div>
<button class="btn"><?cs call:icon("file-import") ?><?cs var:T.Workspace.New.FileButton ?></button>
</form></div></details>
</div>
<?cs include!"layout/bottom.cs" ?>
