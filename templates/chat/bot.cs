<?cs include!"chat/message.cs" ?><!doctype html>
<html lang="<?cs var:Chat.Language ?>" dir="<?cs var:Page.Dir ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title><?cs var:Bot.Name ?></title>
<link rel="icon" href="/img/<?cs if:Chat.PoweredBy == "1" ?>parley<?cs else ?>chat<?cs /if ?>.svg" type="image/svg+xml">
<link rel="stylesheet" href="/css/chat.css">
<script src="/js/chat.js" defer></script>
</head>
<body>
<main id="chat" data-bot="<?cs var:Bot.Id ?>" data-name="<?cs var:Bot.Name ?>" data-locale="<?cs var:Chat.Language ?>"
  data-conversation="<?cs var:Chat.Conversation ?>" data-token="<?cs var:Chat.Token ?>" data-seq="<?cs var:Chat.Seq ?>" data-state="<?cs var:Chat.State ?>"
  data-t-you="<?cs var:T.Chat.You ?>" data-t-choices="<?cs var:T.Chat.Choices ?>" data-t-sources="<?cs var:T.Chat.Sources ?>"
  data-t-open-link="<?cs var:T.Chat.OpenLink ?>" data-t-typing="<?cs var:T.Chat.Typing ?>" data-t-waiting="<?cs var:T.Chat.Waiting ?>"
  data-t-failed="<?cs var:T.Chat.Failed ?>" data-t-retry="<?cs var:T.Chat.Retry ?>" data-t-handoff="<?cs var:T.Chat.Handoff ?>"
  data-t-closed="<?cs var:T.Chat.Closed ?>" data-t-new="<?cs var:T.Chat.New ?>" data-t-good="<?cs var:T.Chat.Good ?>"
  data-t-bad="<?cs var:T.Chat.Bad ?>" data-t-inactive="<?cs var:T.Chat.Inactive ?>" data-t-thanks="<?cs var:T.Chat.Thanks ?>" data-t-interrupted="<?cs var:T.Chat.Interrupted ?>">
  <header>
    <h1><?cs var:Bot.Name ?></h1>
    <form method="post" action="/chat/<?cs var:Bot.Id ?>" id="restart"><button name="restart" value="1"><?cs var:T.Chat.StartOver ?></button></form>
  </header>
  <div id="scroll" tabindex="0" role="log" aria-live="polite" aria-label="<?cs var:T.Chat.Messages ?>">
    <ol id="log">
      <?cs each:m = Greeting ?><?cs call:bubble(m) ?><?cs /each ?>
      <?cs each:m = Messages ?><?cs call:bubble(m) ?><?cs /each ?>
    </ol>
    <p id="typing" hidden><span aria-hidden="true"><i></i><i></i><i></i></span><span class="sr" id="typing-words"></span></p>
  </div>
  <p id="status" role="status"><?cs if:Chat.State == "handoff" ?><?cs var:T.Chat.Handoff ?><?cs elif:Chat.State == "closed" ?><?cs var:T.Chat.Closed ?><?cs /if ?></p>
  <?cs if:Problem ?><p class="problem" role="alert" id="problem"><?cs var:Problem ?></p><?cs /if ?>
  <form id="send" method="post" action="/chat/<?cs var:Bot.Id ?>">
    <input type="hidden" name="id" value="<?cs var:Chat.MessageId ?>"><input type="hidden" name="locale" value="<?cs var:Chat.Language ?>">
    <label for="text" class="sr"><?cs var:T.Chat.Write ?></label>
    <textarea id="text" name="text" rows="1" maxlength="4000" required dir="auto" autocomplete="off" enterkeyhint="send" placeholder="<?cs var:T.Chat.Write ?>"><?cs var:Typed ?></textarea>
    <button><?cs var:T.Chat.Send ?></button>
  </form>
  <?cs if:Chat.PoweredBy == "1" ?><footer><?cs var:T.Chat.PoweredBy ?> <a href="<?cs var:url_validate(BaseUrl) ?>" target="_blank" rel="noopener"><?cs var:Brand ?></a></footer>
  <?cs elif:Own.Link ?><footer><a href="<?cs var:url_validate(Own.Link) ?>" target="_blank" rel="noopener"><?cs var:Own.Name ?></a></footer>
  <?cs elif:Own.Name ?><footer><?cs var:Own.Name ?></footer>
<?cs /if ?></main>
</body>
</html>
