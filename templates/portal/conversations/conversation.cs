<?cs include!"layout/top.cs" ?><?cs include!"layout/messages.cs" ?>
<?cs with:c = Conversation.0 ?><div class="container-xl page-body">
<a class="back-link" href="/app/conversations"><?cs call:icon("chevron-left") ?><?cs var:T.Nav.Conversations ?></a>
<div class="head-row"><h1 class="page-title"><?cs if:c.Contact ?><?cs var:c.Contact ?><?cs else ?><?cs var:T.Conversations.Conversation.Visitor ?><?cs /if ?></h1><div><?cs call:state_badge(c.State, c.StateText) ?></div>
<?cs if:c.State != "closed" ?><?cs if:Can.ConversationReply == "1" ?><div class="head-actions"><form method="post" action="/app/conversations/<?cs var:c.Id ?>/close" data-once data-confirm="<?cs var:T.Conversations.Conversation.CloseAsk ?>"><?cs call:csrf() ?><button class="btn"><?cs call:icon("check") ?><?cs var:T.Conversations.Conversation.Close ?></button></form></div><?cs /if ?><?cs /if ?></div>
<div class="two-columns">
<section class="card" aria-label="<?cs var:T.Conversations.Conversation.Transcript ?>"><div class="card-body transcript">
<?cs if:List.Later == "1" ?><p><a href="/app/conversations/<?cs var:c.Id ?>"><?cs var:T.Conversations.Conversation.Beginning ?></a></p><?cs /if ?>
<?cs each:m = Messages ?><article class="chat-row <?cs var:m.From ?>"><header class="chat-who"><?cs if:m.From == "visitor" ?><?cs var:T.Conversations.Conversation.Visitor ?><?cs elif:m.From == "bot" ?><?cs var:c.BotName ?><?cs elif:m.From == "agent" ?><?cs var:T.Conversations.Conversation.Agent ?><?cs else ?><?cs var:T.Conversations.Conversation.System ?><?cs /if ?> · <?cs call:time(m.Time, m.TimeIso) ?></header><?cs call:message(m) ?><?cs if:subcount(m.Choices) ?><ul class="offered" aria-label="<?cs var:T.Conversations.Conversation.Offered ?>"><?cs each:x = m.Choices ?><li><?cs var:x.Label ?></li><?cs /each ?></ul><?cs /if ?></article>
<?cs /each ?><?cs if:List.After ?><p><a class="btn" href="/app/conversations/<?cs var:c.Id ?>?after=<?cs var:List.After ?>"><?cs var:T.Conversations.Conversation.More ?><?cs call:icon("chevron-right") ?></a></p><?cs /if ?></div></section>
<section class="card" aria-labelledby="s-facts"><div class="card-body"><h2 class="card-title" id="s-facts"><?cs var:T.List.Facts ?></h2><dl class="facts">
<dt><?cs var:T.Conversations.Index.Bot ?></dt><dd><a href="/app/bots/<?cs var:c.Bot ?>"><?cs var:c.BotName ?></a></dd>
<dt><?cs var:T.Field.Version ?></dt><dd><a href="/app/bots/<?cs var:c.Bot ?>/versions/<?cs var:c.Version ?>"><?cs var:c.Version ?></a></dd>
<dt><?cs var:T.Conversations.Conversation.Started ?></dt><dd><?cs call:time(c.Started, c.StartedIso) ?></dd>
<dt><?cs var:T.Conversations.Conversation.Last ?></dt><dd><?cs call:time(c.Last, c.LastIso) ?></dd>
<dt><?cs var:T.Conversations.Conversation.Channel ?></dt><dd><?cs var:c.Channel ?></dd>
<?cs if:c.Locale ?><dt><?cs var:T.Field.Language ?></dt><dd class="text-uppercase"><?cs var:c.Locale ?></dd><?cs /if ?>
<dt><?cs var:T.Conversations.Conversation.Counted ?></dt><dd><?cs if:c.Counted == "1" ?><?cs var:T.Form.Yes ?><?cs else ?><?cs var:T.Form.No ?><?cs /if ?></dd>
<dt><?cs var:T.Conversations.Conversation.Rating ?></dt><dd><?cs if:#c.Rating > #0 ?><span class="rate-up"><?cs call:icon("thumb-up") ?> <?cs var:T.Conversations.Index.Good ?></span><?cs elif:#c.Rating < #0 ?><span class="rate-down"><?cs call:icon("thumb-down") ?> <?cs var:T.Conversations.Index.Bad ?></span><?cs else ?><?cs var:T.Conversations.Conversation.NoRating ?><?cs /if ?></dd></dl></div></section>
</div></div><?cs /with ?>
<?cs include!"layout/bottom.cs" ?>
