<?cs include!"layout/top.cs" ?>
<div class="container-tight py-5">
<h1 class="h2 text-center"><?cs var:T.Site.Signup.Title ?></h1>
<p class="text-secondary text-center"><?cs if:Form.plan ?><?cs var:T.Site.Signup.LeadPlan ?><?cs else ?><?cs var:T.Site.Signup.Lead ?><?cs /if ?></p>
<form class="card" method="post" action="/signup" data-once>
<div class="card-body">
<?cs call:form_error() ?>
<?cs if:Form.plan ?><input type="hidden" name="plan" value="<?cs var:Form.plan ?>">
<?cs /if ?><div class="mb-3"><label class="form-label required" for="f-name"><?cs var:T.Field.Name ?></label>
<input class="form-control<?cs if:Form.Field == "name" ?> is-invalid<?cs /if ?>" id="f-name" name="name" value="<?cs var:Form.name ?>" autocomplete="name" maxlength="120" required></div>
<div class="mb-3"><label class="form-label required" for="f-workspace"><?cs var:T.Field.Workspace ?></label>
<input class="form-control<?cs if:Form.Field == "workspace" ?> is-invalid<?cs /if ?>" id="f-workspace" name="workspace" value="<?cs var:Form.workspace ?>" autocomplete="organization" maxlength="120" required aria-describedby="h-workspace">
<small class="form-hint" id="h-workspace"><?cs var:T.Site.Signup.WorkspaceHint ?></small></div>
<div class="mb-3"><label class="form-label required" for="f-email"><?cs var:T.Field.Email ?></label>
<input class="form-control<?cs if:Form.Field == "email" ?> is-invalid<?cs /if ?>" id="f-email" type="email" name="email" value="<?cs var:Form.email ?>" autocomplete="email" maxlength="254" required></div>
<div class="mb-3"><label class="form-label required" for="f-password"><?cs var:T.Field.Password ?></label>
<input class="form-control<?cs if:Form.Field == "password" ?> is-invalid<?cs /if ?>" id="f-password" type="password" name="password" autocomplete="new-password" minlength="10" maxlength="1000" required aria-describedby="h-password">
<small class="form-hint" id="h-password"><?cs var:T.Site.Signup.PasswordHint ?></small></div>
<button class="btn btn-primary w-100"><?cs var:T.Site.Signup.Button ?></button>
</div>
</form>
<p class="text-center text-secondary"><?cs var:T.Site.Signup.Have ?> <a href="/login"><?cs var:T.Nav.SignIn ?></a></p>
</div>
<?cs include!"layout/bottom.cs" ?>
