<?cs def:bubble(m) ?>
<li class="msg msg-<?cs var:m.From ?>" data-seq="<?cs var:m.Seq ?>" data-from="<?cs var:m.From ?>">
  <span class="sr"><?cs if:m.From == "visitor" ?><?cs var:T.Chat.You ?><?cs else ?><?cs var:Bot.Name ?><?cs /if ?>:</span>
  <?cs if:m.Type == "image" ?><img class="bubble picture" src="<?cs var:url_validate(m.Image) ?>" alt="<?cs var:m.Alt ?>" loading="lazy">
  <?cs elif:m.Type == "card" ?><div class="bubble card">
    <?cs if:m.Image ?><img src="<?cs var:url_validate(m.Image) ?>" alt="" loading="lazy"><?cs /if ?>
    <strong><?cs var:m.Title ?></strong>
    <?cs if:m.Text_html ?><p dir="auto"><?cs uvar:m.Text_html ?></p><?cs /if ?>
    <?cs if:m.Url ?><a href="<?cs var:url_validate(m.Url) ?>" target="_blank" rel="noopener noreferrer"><?cs var:T.Chat.OpenLink ?></a><?cs /if ?>
  </div>
  <?cs else ?><div class="bubble" dir="auto"><?cs uvar:m.Text_html ?></div><?cs /if ?>
  <?cs if:m.Citations.0.Url ?><p class="sources"><?cs var:T.Chat.Sources ?>:
    <?cs each:c = m.Citations ?><a href="<?cs var:url_validate(c.Url) ?>" target="_blank" rel="noopener noreferrer"><?cs var:c.Title ?></a> <?cs /each ?></p><?cs /if ?>
  <?cs if:m.Interrupted == "1" ?><p class="sources"><?cs var:T.Chat.Interrupted ?></p><?cs /if ?>
  <?cs if:m.Choices.0.Label ?><div class="choices" role="group" aria-label="<?cs var:T.Chat.Choices ?>">
    <?cs each:c = m.Choices ?><form method="post" action="/chat/<?cs var:Bot.Id ?>" class="choice">
      <input type="hidden" name="id" value="<?cs var:Chat.MessageId ?>"><input type="hidden" name="locale" value="<?cs var:Chat.Language ?>">
      <input type="hidden" name="text" value="<?cs var:c.Label ?>">
      <button name="choice" value="<?cs var:c.Value ?>"><?cs var:c.Label ?></button></form><?cs /each ?>
  </div><?cs /if ?>
</li>
<?cs /def ?>
