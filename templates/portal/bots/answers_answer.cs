<?cs include!"layout/top.cs" ?><?cs include!"portal/bots/head.cs" ?>
<div class="container-xl page-body"><div class="narrow">
<h2 class="h2"><?cs if:Answer.New == "1" ?><?cs var:T.Bots.Answers.AddHead ?><?cs else ?><?cs var:T.Bots.Answers.EditHead ?><?cs /if ?></h2>
<?cs call:form_error() ?>
<form class="card" method="post" action="/app/bots/<?cs var:Bot.Id ?>/answers/<?cs var:Answer.Id ?>" data-once><div class="card-body">
<?cs call:csrf() ?>
<div class="mb-3"><label class="form-label required" for="f-question"><?cs var:T.Field.Question ?></label><input class="form-control<?cs if:Form.Field == "question" ?> is-invalid<?cs /if ?>" id="f-question" name="question" value="<?cs var:Answer.question ?>" maxlength="1000" required></div>
<div class="mb-3"><label class="form-label required" for="f-answer"><?cs var:T.Field.Answer ?></label><textarea class="form-control<?cs if:Form.Field == "answer" ?> is-invalid<?cs /if ?>" id="f-answer" name="answer" rows="8" maxlength="16000" required aria-describedby="h-answer"><?cs var:Answer.answer ?></textarea><small class="form-hint" id="h-answer"><?cs var:T.Bots.Answers.AnswerHint ?></small></div>
<div class="new-grid"><div><label class="form-label" for="f-link"><?cs var:T.Field.Link ?></label><input class="form-control<?cs if:Form.Field == "link" ?> is-invalid<?cs /if ?>" id="f-link" name="link" type="url" value="<?cs var:Answer.link ?>" maxlength="2000" placeholder="https://"></div>
<div><label class="form-label" for="f-source"><?cs var:T.Field.Source ?></label><input class="form-control<?cs if:Form.Field == "source" ?> is-invalid<?cs /if ?>" id="f-source" name="source" value="<?cs var:Answer.source ?>" maxlength="200"></div></div>
<div class="form-end"><a class="btn btn-ghost-secondary" href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs var:T.Form.Cancel ?></a><button class="btn btn-primary"><?cs var:T.Form.Save ?></button></div>
</div></form>
<?cs if:Answer.New != "1" ?><form method="post" action="/app/bots/<?cs var:Bot.Id ?>/answers/<?cs var:Answer.Id ?>/delete" data-once data-confirm="<?cs var:T.Bots.Answers.DeleteAsk ?>"><?cs call:csrf() ?><button class="btn btn-ghost-danger"><?cs call:icon("trash") ?><?cs var:T.Bots.Answers.Delete ?></button></form>
<?cs /if ?></div></div>
<?cs include!"layout/bottom.cs" ?>
