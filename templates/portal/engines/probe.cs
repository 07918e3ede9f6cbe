<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<a class="back-link" href="/app/engines/<?cs var:Engine.Id ?>"><?cs call:icon("chevron-left") ?><?cs var:Engine.Name ?></a>
<h1 class="page-title mb-3"><?cs var:T.Engines.Probe.Title ?></h1>
<div class="alert <?cs if:Probe.Ok == "1" ?>alert-success<?cs else ?>alert-danger<?cs /if ?>" role="<?cs if:Probe.Ok == "1" ?>status<?cs else ?>alert<?cs /if ?>"><?cs if:Probe.Ok == "1" ?><?cs call:icon("circle-check") ?><?cs else ?><?cs call:icon("alert-triangle") ?><?cs /if ?><div class="ms-2 text-break"><?cs var:Probe.Words ?></div></div>
<?cs if:subcount(Models) ?><section class="card" aria-labelledby="s-models"><div class="card-body">
<h2 class="card-title" id="s-models"><?cs var:T.Engines.Probe.Models ?></h2>
<ul class="model-list"><?cs each:m = Models ?><li><code><?cs var:m.Name ?></code></li><?cs /each ?></ul></div></section>
<?cs /if ?><form class="form-end" method="post" action="/app/engines/<?cs var:Engine.Id ?>/probe" data-once><?cs call:csrf() ?><button class="btn"><?cs call:icon("refresh") ?><?cs var:T.Engines.Probe.Again ?></button><a class="btn btn-primary" href="/app/engines/<?cs var:Engine.Id ?>"><?cs var:T.Engines.Probe.Back ?></a></form>
</div></div>
<?cs include!"layout/bottom.cs" ?>
