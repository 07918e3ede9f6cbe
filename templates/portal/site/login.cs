<?cs include!"layout/top.cs" ?>
<div class="container-tight py-5">
<h1 class="h2 text-center mb-4"><?cs var:T.Site.Login.Title ?></h1>
<form class="card" method="post" action="/login" data-once>
<div class="card-body">
<?cs call:form_error() ?>
<input type="hidden" name="next" value="<?cs var:Form.next ?>">
<div class="mb-3"><label class="form-label" for="f-email"><?cs var:T.Field.Email ?></label>
<input class="form-control" id="f-email" type="email" name="email" value="<?cs var:Form.email ?>" autocomplete="username" maxlength="254" required></div>
<div class="mb-3"><label class="form-label" for="f-password"><?cs var:T.Field.Password ?></label>
<input class="form-control" id="f-password" type="password" name="password" autocomplete="current-password" maxlength="1000" required></div>
<button class="btn btn-primary w-100"><?cs var:T.Nav.SignIn ?></button>
</div>
</form>
<?cs if:Page.SignUp == "1" ?><p class="text-center text-secondary"><?cs var:T.Site.Login.New ?> <a href="/signup"><?cs var:T.Nav.SignUp ?></a></p>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
