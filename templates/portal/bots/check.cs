<?cs # What the flow's lint and its scripted tests say: findings by node, tests by name. ?><ul class="check-list">
<li><?cs if:Check.Errors == "0" ?><span class="dot ok"><?cs call:icon("check") ?></span><?cs else ?><span class="dot bad"><?cs call:icon("x") ?></span><?cs /if ?><?cs var:Check.LintText ?></li>
<?cs if:Check.Warnings != "0" ?><li><span class="dot warn"><?cs call:icon("alert-triangle") ?></span><?cs var:Check.WarnText ?></li>
<?cs /if ?><li><?cs if:Check.Tests == "0" ?><span class="dot warn"><?cs call:icon("flask") ?></span><?cs elif:Check.TestsFailed == "0" ?><span class="dot ok"><?cs call:icon("check") ?></span><?cs else ?><span class="dot bad"><?cs call:icon("x") ?></span><?cs /if ?><?cs var:Check.TestText ?></li>
<?cs if:Check.UsesAnswers == "1" && Answers.N == "0" ?><li><span class="dot warn"><?cs call:icon("alert-triangle") ?></span><span><?cs var:T.Bots.Check.NoAnswers ?> <a href="/app/bots/<?cs var:Bot.Id ?>/answers"><?cs var:T.Bots.Check.AddAnswers ?></a></span></li>
<?cs /if ?></ul>
<?cs if:subcount(Check.Findings) ?><ul class="finding-list">
<?cs each:f = Check.Findings ?><li><?cs if:f.Error == "1" ?><span class="badge bg-red-lt"><?cs var:T.Bots.Check.Error ?></span><?cs else ?><span class="badge bg-yellow-lt"><?cs var:T.Bots.Check.Warning ?></span><?cs /if ?> <?cs if:f.Node ?><code><?cs var:f.Node ?></code> <?cs /if ?><?cs var:f.Message ?></li>
<?cs /each ?></ul>
<?cs /if ?><?cs if:subcount(Check.Failed) ?><ul class="finding-list">
<?cs each:f = Check.Failed ?><li><span class="badge bg-red-lt"><?cs var:T.Bots.Check.Test ?></span> <strong><?cs var:f.Name ?></strong>: <?cs var:f.Message ?></li>
<?cs /each ?></ul>
<?cs /if ?>
