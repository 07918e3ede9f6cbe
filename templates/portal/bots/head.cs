<?cs # The head of every page of one bot: where we are, how it stands, where else to go. ?><div class="page-header d-print-none">
<div class="container-xl">
<a class="back-link" href="/app"><?cs call:icon("chevron-left") ?><?cs var:T.Nav.Bots ?></a>
<div class="bot-head">
<h1 class="page-title"><?cs var:Bot.Name ?></h1>
<div class="bot-state"><?cs call:bot_badge(Bot.Live, Bot.Differs) ?></div>
<div class="bot-actions">
<?cs if:#Bot.Live > #0 ?><a class="btn" href="<?cs var:url_validate(Bot.ChatPath) ?>" target="_blank" rel="noopener"><?cs call:icon("external-link") ?><span class="label"><?cs var:T.Bots.Bot.Open ?></span></a>
<?cs /if ?><?cs if:Can.BotPublish == "1" && (Bot.Live == "0" || Bot.Differs == "1") ?><a class="btn btn-primary" href="/app/bots/<?cs var:Bot.Id ?>/publish"><?cs call:icon("rocket") ?><?cs var:T.Bots.Bot.Publish ?></a>
<?cs /if ?></div>
</div>
<nav class="bot-tabs" aria-label="<?cs var:T.Bots.Bot.Parts ?>">
<a href="/app/bots/<?cs var:Bot.Id ?>"<?cs if:Page.Tab == "overview" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Bot.Overview ?></a>
<a href="/app/bots/<?cs var:Bot.Id ?>/flow"<?cs if:Page.Tab == "flow" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Bot.Flow ?></a>
<?cs if:Can.AnswerRead == "1" ?><a href="/app/bots/<?cs var:Bot.Id ?>/answers"<?cs if:Page.Tab == "answers" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Bot.Answers ?></a>
<?cs /if ?><a href="/app/bots/<?cs var:Bot.Id ?>/engines"<?cs if:Page.Tab == "engines" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Engines.Head ?></a>
<?cs if:Can.ConversationReply == "1" ?><a href="/app/bots/<?cs var:Bot.Id ?>/test"<?cs if:Page.Tab == "test" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Bot.Test ?></a><?cs /if ?>
<a href="/app/bots/<?cs var:Bot.Id ?>/versions"<?cs if:Page.Tab == "versions" ?> aria-current="page"<?cs /if ?>><?cs var:T.Bots.Bot.Versions ?></a>
<?cs if:Can.ConversationRead == "1" ?><a href="/app/conversations?bot=<?cs var:Bot.Id ?>"><?cs var:T.Bots.Bot.Conversations ?></a>
<?cs /if ?></nav>
</div>
</div>
