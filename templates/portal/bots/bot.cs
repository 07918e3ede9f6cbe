<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body">
<?cs call:form_error() ?>
<div class="two-columns">
<div>
<section class="card" aria-labelledby="s-share"><div class="card-body">
<h2 class="card-title" id="s-share"><?cs var:T.Bots.Bot.ShareHead ?></h2>
<?cs if:#Bot.Live > #0 ?><p class="text-secondary"><?cs var:T.Bots.Bot.ShareText ?></p>
<label class="form-label" for="f-address"><?cs var:T.Bots.Bot.Address ?></label>
<div class="copy-row mb-3"><input class="form-control font-monospace" id="f-address" value="<?cs var:Bot.Address ?>" readonly><button type="button" class="btn js-only" data-copy="f-address" data-copied="<?cs var:T.Form.Copied ?>"><?cs call:icon("copy") ?><span><?cs var:T.Form.Copy ?></span></button></div>
<label class="form-label" for="f-embed"><?cs var:T.Bots.Bot.Embed ?></label>
<div class="copy-row"><input class="form-control font-monospace" id="f-embed" value="&lt;a href=&quot;<?cs var:Bot.Address ?>&quot; target=&quot;_blank&quot; rel=&quot;noopener&quot;&gt;<?cs var:T.Bots.Bot.EmbedLabel ?>&lt;/a&gt;" readonly aria-describedby="h-embed"><button type="button" class="btn js-only" data-copy="f-embed" data-copied="<?cs var:T.Form.Copied ?>"><?cs call:icon("copy") ?><span><?cs var:T.Form.Copy ?></span></button></div>
<small class="form-hint" id="h-embed"><?cs var:T.Bots.Bot.EmbedHint ?></small>
<?cs else ?><p class="text-secondary mb-0"><?cs var:T.Bots.Bot.ShareDraft ?></p>
<?cs /if ?></div></section>
<section class="card" aria-labelledby="s-check"><div class="card-body">
<h2 class="card-title" id="s-check"><?cs var:T.Bots.Bot.CheckHead ?></h2>
<?cs include!"portal/bots/check.cs" ?>
</div></section>
<?cs if:Can.BotWrite == "1" ?><details class="card fold"<?cs if:Form.Error ?> open<?cs /if ?>><summary class="card-header"><?cs var:T.Bots.Bot.Settings ?></summary><div class="card-body">
<form method="post" action="/app/bots/<?cs var:Bot.Id ?>/rename" class="inline-form" data-once><?cs call:csrf() ?>
<div><label class="form-label" for="f-name"><?cs var:T.Field.BotName ?></label><input class="form-control" id="f-name" name="name" maxlength="120" required value="<?cs if:Form.Error ?><?cs var:Form.name ?><?cs else ?><?cs var:Bot.Name ?><?cs /if ?>"></div><button class="btn"><?cs var:T.Bots.Bot.Rename ?></button></form>
<hr>
<h3 class="h4"><?cs var:T.Bots.Bot.DeleteHead ?></h3><p class="text-secondary"><?cs var:T.Bots.Bot.DeleteText ?></p>
<form method="post" action="/app/bots/<?cs var:Bot.Id ?>/delete" class="inline-form" data-once><?cs call:csrf() ?>
<div><label class="form-label" for="f-confirm"><?cs var:T.Bots.Bot.DeleteConfirm ?></label><input class="form-control" id="f-confirm" name="confirm" autocomplete="off" required></div><button class="btn btn-outline-danger"><?cs call:icon("trash") ?><?cs var:T.Bots.Bot.Delete ?></button></form>
</div></details>
<?cs /if ?></div>
<div>
<section class="card" aria-labelledby="s-state"><div class="card-body">
<h2 class="card-title" id="s-state"><?cs var:T.Bots.Bot.StateHead ?></h2>
<dl class="facts">
<dt><?cs var:T.Bots.Bot.LiveVersion ?></dt><dd><?cs if:#Bot.Live > #0 ?><a href="/app/bots/<?cs var:Bot.Id ?>/versions/<?cs var:Bot.Live ?>"><?cs var:Bot.Live ?></a><?cs else ?><?cs var:T.Bots.Bot.Never ?><?cs /if ?></dd>
<?cs if:Bot.Published ?><dt><?cs var:T.Bots.Bot.PublishedAt ?></dt><dd><?cs call:time(Bot.Published, Bot.PublishedIso) ?></dd><?cs /if ?>
<dt><?cs var:T.Bots.Bot.ChangedAt ?></dt><dd><?cs call:time(Bot.Updated, Bot.UpdatedIso) ?></dd>
<dt><?cs var:T.Field.Language ?></dt><dd class="text-uppercase"><?cs var:Bot.Language ?></dd>
</dl></div></section>
<section class="card" aria-labelledby="s-next"><div class="card-body">
<h2 class="card-title" id="s-next"><?cs var:T.Bots.Bot.NextHead ?></h2>
<ul class="next-list">
<?cs if:Can.AnswerRead == "1" ?><li><a href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs call:icon("help-circle") ?><span><strong><?cs var:T.Bots.Bot.Answers ?></strong><small><?cs var:Answers.Count ?></small></span></a></li>
<?cs /if ?><?cs if:Can.ConversationReply == "1" ?><li><a href="/app/bots/<?cs var:Bot.Id ?>/test"><?cs call:icon("player-play") ?><span><strong><?cs var:T.Bots.Bot.TestIt ?></strong><small><?cs var:T.Bots.Bot.TestItText ?></small></span></a></li><?cs /if ?>
<?cs if:Can.ConversationRead == "1" ?><li><a href="/app/conversations?bot=<?cs var:Bot.Id ?>"><?cs call:icon("messages") ?><span><strong><?cs var:T.Bots.Bot.Conversations ?></strong><small><?cs var:T.Bots.Bot.ConversationsText ?></small></span></a></li>
<?cs /if ?><?cs if:Can.BotWrite == "1" && (Brand.Has == "1" || Brand.Offer) ?><li><a href="/app/bots/<?cs var:Bot.Id ?>/brand"><?cs if:Brand.Has == "1" ?><?cs call:icon("building") ?><?cs else ?><?cs call:icon("lock") ?><?cs /if ?><span><strong><?cs var:T.Bots.Brand.Title ?></strong><small><?cs var:T.Bots.Brand.Mine ?></small></span><?cs if:Brand.Has != "1" ?><span class="badge bg-blue-lt ms-auto"><?cs var:Brand.Offer ?></span><?cs /if ?></a></li>
<?cs /if ?><?cs if:Can.BotWrite == "1" && Can.AnswerRead == "1" ?><li><a href="/app/bots/<?cs var:Bot.Id ?>/export.json" download><?cs call:icon("download") ?><span><strong><?cs var:T.Bots.Bot.Export ?></strong><small><?cs var:T.Bots.Bot.ExportText ?></small></span></a></li>
<?cs /if ?></ul></div></section>
</div></div>
</div>
<?cs include!"layout/bottom.cs" ?>
