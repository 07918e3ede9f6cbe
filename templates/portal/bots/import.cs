<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs var:T.Bots.Import.Title ?></h2>
<?cs call:form_error() ?>
<form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/import" enctype="multipart/form-data" data-once><div class="card-body">
<?cs call:csrf() ?>
<p class="text-secondary"><?cs var:T.Bots.Import.Text ?></p>
<div class="sample" tabindex="0" role="region" aria-label="<?cs var:T.Bots.Import.Sample ?>"><table class="table table-sm"><thead><tr><th scope="col">question</th><th scope="col">answer</th><th scope="col">link</th><th scope="col">source</th></tr></thead><tbody><tr><td><?cs var:T.Bots.Import.Sample1 ?></td><td><?cs var:T.Bots.Import.Sample2 ?></td><td>https://example.com/returns</td><td><?cs var:T.Bots.Import.Sample3 ?></td></tr></tbody></table></div>
<div class="mb-3"><label class="form-label required" for="f-file"><?cs var:T.Field.CsvFile ?></label><input class="form-control<?cs if:Form.Field == "file" ?> is-invalid<?cs /if ?>" id="f-file" type="file" name="file" accept=".csv,.tsv,.txt,text/csv" required></div>
<fieldset class="mb-3"><legend class="form-label"><?cs var:T.Bots.Import.Mode ?></legend>
<label class="form-check"><input class="form-check-input" type="radio" name="mode" value="merge" checked><span class="form-check-label"><?cs var:T.Bots.Import.Merge ?></span></label>
<label class="form-check"><input class="form-check-input" type="radio" name="mode" value="replace"><span class="form-check-label"><?cs var:T.Bots.Import.Replace ?></span></label></fieldset>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs call:icon("upload") ?><?cs var:T.Bots.Import.Button ?></button></div>
</div></form></div></div>
<?cs include!"layout/bottom.cs" ?>
