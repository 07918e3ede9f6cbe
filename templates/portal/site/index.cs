<?cs include!"layout/top.cs" ?>
<section class="home-hero"><div class="container-xl home-grid">
<div>
<h1 class="home-title"><?cs var:T.Site.Index.Head ?></h1>
<p class="home-lead"><?cs var:T.Site.Index.Lead ?></p>
<p class="home-actions"><?cs if:Page.SignedIn == "1" ?><a class="btn btn-primary btn-lg" href="/app"><?cs var:T.Nav.Portal ?></a><?cs else ?><?cs if:Page.SignUp == "1" ?><a class="btn btn-primary btn-lg" href="/signup"><?cs var:T.Site.Index.Start ?></a><?cs /if ?> <a class="btn btn-lg" href="/login"><?cs var:T.Nav.SignIn ?></a><?cs /if ?></p>
</div>
<figure class="home-chat">
<figcaption class="visually-hidden"><?cs var:T.Site.Index.Sample ?></figcaption>
<p class="bubble bot"><?cs var:T.Site.Index.Chat.1 ?></p>
<p class="bubble visitor"><?cs var:T.Site.Index.Chat.2 ?></p>
<p class="bubble bot"><?cs var:T.Site.Index.Chat.3 ?><span class="source"><?cs call:icon("link") ?><?cs var:T.Site.Index.Chat.4 ?></span></p>
</figure>
</div></section>
<section class="container-xl home-points" aria-label="<?cs var:T.Site.Index.What ?>">
<?cs each:p = T.Site.Index.Points ?><div><span class="home-icon"><?cs call:icon(p.Icon) ?></span><h2><?cs var:p.Head ?></h2><p class="text-secondary"><?cs var:p.Text ?></p></div>
<?cs /each ?></section>
<?cs include!"layout/bottom.cs" ?>
