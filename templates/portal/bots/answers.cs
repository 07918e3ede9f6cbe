<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body">
<div class="head-row">
<?cs if:List.Any == "1" ?><form method="get" action="/app/bots/<?cs var:Bot.Id ?>/answers" class="search-form" role="search"><label class="visually-hidden" for="f-q"><?cs var:T.Bots.Answers.Search ?></label><input class="form-control" id="f-q" type="search" name="q" value="<?cs var:List.Query ?>" placeholder="<?cs var:T.Bots.Answers.Search ?>" maxlength="200"><button class="btn btn-icon" aria-label="<?cs var:T.List.SearchButton ?>"><?cs call:icon("search") ?></button></form><span class="text-secondary"><?cs var:List.Count ?></span><?cs /if ?>
<?cs if:Can.AnswerWrite == "1" ?><?cs if:List.Any == "1" ?><div class="head-actions"><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/import"><?cs call:icon("file-import") ?><?cs var:T.Bots.Answers.Import ?></a><a class="btn btn-primary" href="/app/bots/<?cs var:Bot.Id ?>/answers/new"><?cs call:icon("plus") ?><?cs var:T.Bots.Answers.Add ?></a></div><?cs /if ?><?cs /if ?>
</div>
<?cs if:List.Any != "1" ?><div class="card"><div class="empty">
<div class="empty-icon"><?cs call:icon("help-circle") ?></div><h2 class="empty-title"><?cs var:T.Bots.Answers.EmptyHead ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Bots.Answers.EmptyText ?></p>
<?cs if:Can.AnswerWrite == "1" ?><div class="empty-action"><a class="btn btn-primary" href="/app/bots/<?cs var:Bot.Id ?>/import"><?cs call:icon("file-import") ?><?cs var:T.Bots.Answers.Import ?></a> <a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/answers/new"><?cs call:icon("plus") ?><?cs var:T.Bots.Answers.Add ?></a></div><?cs /if ?></div></div>
<?cs elif:List.Found != "1" ?><div class="card"><div class="empty"><h2 class="empty-title"><?cs var:T.Bots.Answers.NoneHead ?></h2><p class="empty-subtitle text-secondary"><?cs var:T.Bots.Answers.NoneText ?></p><div class="empty-action"><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs var:T.Bots.Answers.ShowAll ?></a></div></div></div>
<?cs else ?><ul class="card answer-list">
<?cs each:a = Answers ?><li>
<div class="answer-text"><h2><?cs var:a.Question ?></h2><p><?cs var:a.Answer ?><?cs if:a.Cut == "1" ?>…<?cs /if ?></p>
<?cs if:a.Link ?><p class="answer-link"><?cs call:icon("link") ?><a href="<?cs var:url_validate(a.Link) ?>" target="_blank" rel="noopener noreferrer nofollow"><?cs if:a.Source ?><?cs var:a.Source ?><?cs else ?><?cs var:a.Link ?><?cs /if ?></a></p><?cs elif:a.Source ?><p class="answer-link text-secondary"><?cs var:a.Source ?></p><?cs /if ?></div>
<?cs if:Can.AnswerWrite == "1" ?><a class="btn btn-icon" href="/app/bots/<?cs var:Bot.Id ?>/answers/<?cs var:a.Id ?>" aria-label="<?cs var:T.Bots.Answers.Edit ?>: <?cs var:a.Question ?>"><?cs call:icon("pencil") ?></a><?cs /if ?></li>
<?cs /each ?></ul>
<nav class="pager" aria-label="<?cs var:T.List.Pages ?>"><?cs if:List.Later == "1" ?><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/answers?q=<?cs var:url_escape(List.Query) ?>"><?cs call:icon("chevron-left") ?><?cs var:T.List.First ?></a><?cs /if ?><?cs if:List.After ?><a class="btn" href="/app/bots/<?cs var:Bot.Id ?>/answers?after=<?cs var:List.After ?>&amp;q=<?cs var:url_escape(List.Query) ?>"><?cs var:T.List.Next ?><?cs call:icon("chevron-right") ?></a><?cs /if ?></nav>
<?cs /if ?></div>
<?cs include!"layout/bottom.cs" ?>
