<?cs include!"layout/head.cs" ?><body>
<a class="skip-link" href="#content"><?cs var:T.Nav.Skip ?></a>
<div class="page">
<header class="navbar navbar-expand-md d-print-none portal-bar">
<div class="container-xl">
<a class="navbar-brand" href="<?cs if:Page.User ?>/app<?cs else ?>/<?cs /if ?>"><img src="/img/parley.svg" width="28" height="28" alt=""> <?cs var:Page.Brand ?></a>
<?cs if:Page.Admin == "1" ?><nav class="portal-nav" aria-label="<?cs var:T.Nav.AdminLabel ?>">
<a href="/admin"<?cs if:Page.Nav == "overview" ?> aria-current="page"<?cs /if ?>><?cs call:icon("home") ?><span><?cs var:T.Nav.AdminOverview ?></span></a>
<a href="/admin/tenants"<?cs if:Page.Nav == "tenants" ?> aria-current="page"<?cs /if ?>><?cs call:icon("building") ?><span><?cs var:T.Nav.AdminTenants ?></span></a>
<a href="/admin/plans"<?cs if:Page.Nav == "plans" ?> aria-current="page"<?cs /if ?>><?cs call:icon("tags") ?><span><?cs var:T.Nav.AdminPlans ?></span></a>
<a href="/admin/events"<?cs if:Page.Nav == "events" ?> aria-current="page"<?cs /if ?>><?cs call:icon("bolt") ?><span><?cs var:T.Nav.AdminEvents ?></span></a>
<a href="/admin/alarms"<?cs if:Page.Nav == "alarms" ?> aria-current="page"<?cs /if ?>><?cs call:icon("alert-triangle") ?><span><?cs var:T.Nav.AdminAlarms ?></span></a>
</nav>
<?cs elif:Page.User ?><nav class="portal-nav" aria-label="<?cs var:T.Nav.Main ?>">
<a href="/app"<?cs if:Page.Nav == "bots" ?> aria-current="page"<?cs /if ?>><?cs call:icon("robot") ?><span><?cs var:T.Nav.Bots ?></span></a>
<?cs if:Can.ConversationRead == "1" ?><a href="/app/conversations"<?cs if:Page.Nav == "conversations" ?> aria-current="page"<?cs /if ?>><?cs call:icon("messages") ?><span><?cs var:T.Nav.Conversations ?></span></a>
<?cs /if ?><a href="/app/engines"<?cs if:Page.Nav == "engines" ?> aria-current="page"<?cs /if ?>><?cs call:icon("server-bolt") ?><span><?cs var:T.Nav.Engines ?></span></a>
<?cs if:Can.MemberRead == "1" ?><a href="/app/members"<?cs if:Page.Nav == "members" ?> aria-current="page"<?cs /if ?>><?cs call:icon("users") ?><span><?cs var:T.Nav.Members ?></span></a>
<?cs /if ?><?cs if:Can.BillingRead == "1" ?><a href="/app/billing"<?cs if:Page.Nav == "billing" ?> aria-current="page"<?cs /if ?>><?cs call:icon("credit-card") ?><span><?cs var:T.Nav.Billing ?></span></a>
<?cs /if ?></nav>
<?cs elif:Page.Billing == "1" ?><nav class="portal-nav" aria-label="<?cs var:T.Nav.Site ?>"><a href="/pricing"<?cs if:Page.Path == "/pricing" ?> aria-current="page"<?cs /if ?>><?cs call:icon("tags") ?><span><?cs var:T.Nav.Pricing ?></span></a></nav>
<?cs /if ?><div class="portal-tools">
<button type="button" class="btn btn-icon btn-ghost-secondary js-only" data-theme-toggle aria-label="<?cs var:T.Nav.Theme ?>" title="<?cs var:T.Nav.Theme ?>"><span class="when-light"><?cs call:icon("moon") ?></span><span class="when-dark"><?cs call:icon("sun") ?></span></button>
<?cs if:Page.User ?><details class="portal-menu" data-menu>
<summary><span class="visually-hidden"><?cs var:T.Nav.Account ?>: </span><span class="avatar avatar-sm" aria-hidden="true"><?cs call:icon("user") ?></span><span class="portal-who"><strong><?cs var:Page.User ?></strong><small><?cs var:Page.Workspace ?></small></span><?cs call:icon("chevron-down") ?></summary>
<div class="portal-menu-body">
<div class="portal-menu-head"><div><?cs var:Page.Email ?></div><div class="text-secondary"><?cs var:Page.Workspace ?> · <?cs var:Page.Role ?></div></div>
<?cs if:Page.ManyWorkspaces == "1" ?><form method="post" action="/app/workspace"><?cs call:csrf() ?><div class="portal-menu-label"><?cs var:T.Nav.Switch ?></div>
<?cs each:w = Page.Workspaces ?><button class="portal-menu-item" name="workspace" value="<?cs var:w.Id ?>"<?cs if:w.Current == "1" ?> aria-current="true"<?cs /if ?>><?cs if:w.Current == "1" ?><?cs call:icon("check") ?><?cs else ?><span class="icon"></span><?cs /if ?><span class="text-truncate"><?cs var:w.Name ?></span></button>
<?cs /each ?></form>
<?cs /if ?><?cs if:Page.Admin == "1" ?><a class="portal-menu-item" href="/app"><?cs call:icon("robot") ?><span><?cs var:T.Nav.ToPortal ?></span></a>
<?cs elif:Page.Operator == "1" ?><a class="portal-menu-item" href="/admin"><?cs call:icon("server-bolt") ?><span><?cs var:T.Nav.Admin ?></span></a>
<?cs /if ?><?cs if:Page.Admin != "1" && Can.BotWrite == "1" ?><a class="portal-menu-item" href="/app/secrets"<?cs if:Page.Nav == "secrets" ?> aria-current="page"<?cs /if ?>><?cs call:icon("key") ?><span><?cs var:T.Nav.Secrets ?></span></a>
<?cs /if ?><form method="post" action="/logout"><?cs call:csrf() ?><button class="portal-menu-item"><?cs call:icon("logout") ?><span><?cs var:T.Nav.SignOut ?></span></button></form>
</div>
</details>
<?cs elif:Page.SignedIn == "1" ?><a class="btn" href="/app"><?cs var:T.Nav.Portal ?></a>
<?cs else ?><a class="btn btn-ghost-secondary" href="/login"><?cs var:T.Nav.SignIn ?></a>
<?cs if:Page.SignUp == "1" ?><a class="btn btn-primary portal-signup" href="/signup"><?cs var:T.Nav.SignUp ?></a>
<?cs /if ?><?cs /if ?></div>
</div>
</header>
<div class="page-wrapper">
<main id="content" tabindex="-1">
<?cs if:Page.Flash ?><div class="container-xl"><div class="alert alert-success mt-3 mb-0" role="status"><?cs call:icon("check") ?><div class="ms-2"><?cs var:Page.Flash ?></div></div></div>
<?cs /if ?>
<?cs if:Banner.Text && (Banner.State != "1" || Page.Nav != "billing" || Page.Tab != "overview") ?><div class="container-xl"><section class="alert alert-<?cs var:Banner.Kind ?> billing-banner mt-3 mb-0" aria-label="<?cs var:T.Banner.Head ?>"><?cs call:icon("alert-triangle") ?><div class="ms-2"><?cs var:Banner.Text ?><?cs if:Can.BillingRead != "1" ?> <?cs var:T.Banner.Ask ?><?cs /if ?></div><?cs if:Can.BillingRead == "1" && Page.Nav != "billing" ?><a class="btn btn-sm" href="/app/billing"><?cs var:T.Banner.Link ?></a><?cs /if ?></section></div>
<?cs /if ?>
