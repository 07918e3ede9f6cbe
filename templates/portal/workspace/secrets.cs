<?cs include!"layout/top.cs" ?><?cs
def:uses(list) ?><ul class="use-list"><?cs each:u = list ?><li><a href="/app/bots/<?cs var:u.Id ?>/flow"><?cs var:u.Name ?></a><?cs if:u.Published != "1" ?> <span class="badge bg-secondary-lt"><?cs var:T.BotState.Draft ?></span><?cs /if ?></li><?cs /each ?></ul><?cs /def ?>
<div class="container-xl page-body"><h1 class="page-title"><?cs var:T.Workspace.Secrets.Title ?></h1>
<p class="text-secondary page-lead"><?cs var:T.Workspace.Secrets.Text ?> <code>&#123;&#123;secret.name&#125;&#125;</code>. <?cs var:T.Workspace.Secrets.Never ?></p>
<?cs if:InUse.Name ?><div class="alert alert-warning" role="alert"><?cs call:icon("alert-triangle") ?><div class="ms-2"><h2 class="alert-title"><?cs var:T.Workspace.Secrets.InUseHead ?> <code><?cs var:InUse.Name ?></code></h2>
<p><?cs var:InUse.Text ?></p>
<form method="post" action="/app/secrets/<?cs var:url_escape(InUse.Name) ?>/delete" class="alert-actions" data-once><?cs call:csrf() ?><input type="hidden" name="force" value="true"><a class="btn" href="/app/secrets"><?cs var:T.Workspace.Secrets.Keep ?></a><button class="btn btn-danger"><?cs var:T.Workspace.Secrets.DeleteAnyway ?></button></form></div></div>
<?cs /if ?><?cs if:subcount(Missing) ?><div class="alert alert-warning" role="status"><?cs call:icon("alert-triangle") ?><div class="ms-2"><h2 class="alert-title"><?cs var:T.Workspace.Secrets.MissingHead ?></h2>
<ul class="mb-0 ps-3"><?cs each:m = Missing ?><li><a href="/app/secrets?name=<?cs var:url_escape(m.Secret) ?>#f-name"><code><?cs var:m.Secret ?></code></a>, <?cs var:T.Workspace.Secrets.UsedBy ?> <a href="/app/bots/<?cs var:m.Id ?>/flow"><?cs var:m.Name ?></a><?cs if:m.Published != "1" ?> <span class="badge bg-secondary-lt"><?cs var:T.BotState.Draft ?></span><?cs /if ?></li>
<?cs /each ?></ul></div></div>
<?cs /if ?><?cs call:form_error() ?>
<div class="two-columns">
<?cs if:!subcount(Secrets) ?><div class="card"><div class="empty"><div class="empty-icon"><?cs call:icon("key") ?></div><h2 class="empty-title"><?cs var:T.Workspace.Secrets.EmptyHead ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Workspace.Secrets.EmptyText ?></p></div></div>
<?cs else ?><ul class="card secret-list">
<?cs each:s = Secrets ?><li><div class="secret-head"><h2><code><?cs var:s.Name ?></code></h2><?cs if:Can.SecretWrite == "1" ?><form method="post" action="/app/secrets/<?cs var:url_escape(s.Name) ?>/delete" data-once data-confirm="<?cs var:T.Workspace.Secrets.DeleteAsk ?>"><?cs call:csrf() ?><button class="btn btn-icon btn-ghost-danger" aria-label="<?cs var:T.Workspace.Secrets.Delete ?>: <?cs var:s.Name ?>"><?cs call:icon("trash") ?></button></form><?cs /if ?></div>
<dl class="facts"><dt><?cs var:T.Workspace.Secrets.Added ?></dt><dd><?cs call:time(s.Created, s.CreatedIso) ?></dd>
<?cs if:s.Replaced == "1" ?><dt><?cs var:T.Workspace.Secrets.Replaced ?></dt><dd><?cs call:time(s.Changed, s.ChangedIso) ?></dd>
<?cs /if ?><dt><?cs var:T.Workspace.Secrets.Used ?></dt><dd><?cs if:subcount(s.Uses) ?><?cs call:uses(s.Uses) ?><?cs else ?><?cs var:T.Workspace.Secrets.Unused ?><?cs /if ?></dd></dl>
<?cs if:Can.SecretWrite == "1" ?><details<?cs if:Form.Replace == s.Name ?> open<?cs /if ?>><summary><?cs var:T.Workspace.Secrets.Replace ?><span class="visually-hidden">: <?cs var:s.Name ?></span></summary>
<form method="post" action="/app/secrets" class="inline-form" data-once><?cs call:csrf() ?><input type="hidden" name="do" value="replace"><input type="hidden" name="name" value="<?cs var:s.Name ?>">
<div><label class="form-label" for="v-<?cs var:s.Name ?>"><?cs var:T.Workspace.Secrets.NewValue ?><span class="visually-hidden">: <?cs var:s.Name ?></span></label><input class="form-control<?cs if:Form.Replace == s.Name ?> is-invalid<?cs /if ?>" id="v-<?cs var:s.Name ?>" name="value" type="password" autocomplete="off" spellcheck="false" required<?cs if:Form.Replace == s.Name ?> aria-describedby="form-error"<?cs /if ?>></div><button class="btn"><?cs var:T.Workspace.Secrets.ReplaceButton ?></button></form></details>
<?cs /if ?></li>
<?cs /each ?></ul>
<?cs /if ?><?cs if:Can.SecretWrite == "1" ?><section class="card" aria-labelledby="s-add"><form class="card-body" method="post" action="/app/secrets" data-once>
<h2 class="card-title" id="s-add"><?cs var:T.Workspace.Secrets.AddHead ?></h2>
<?cs call:csrf() ?>
<div class="mb-3"><label class="form-label" for="f-name"><?cs var:T.Workspace.Secrets.Name ?></label><input class="form-control font-monospace<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" value="<?cs var:Form.name ?>" maxlength="64" autocomplete="off" autocapitalize="off" spellcheck="false" required aria-describedby="h-name<?cs if:Form.Field == "name" ?> form-error<?cs /if ?>"><small class="form-hint" id="h-name"><?cs var:T.Workspace.Secrets.NameHint ?></small></div>
<div class="mb-3"><label class="form-label" for="f-value"><?cs var:T.Workspace.Secrets.Value ?></label><input class="form-control<?cs if:Form.Field == "value" && !Form.Replace ?> is-invalid<?cs /if ?>" id="f-value" name="value" type="password" autocomplete="off" spellcheck="false" required aria-describedby="h-value<?cs if:Form.Field == "value" && !Form.Replace ?> form-error<?cs /if ?>"><small class="form-hint" id="h-value"><?cs var:T.Workspace.Secrets.ValueHint ?></small></div>
<div class="form-end"><button class="btn btn-primary"><?cs call:icon("plus") ?><?cs var:T.Workspace.Secrets.Add ?></button></div>
</form></section>
<?cs /if ?></div></div>
<?cs include!"layout/bottom.cs" ?>
