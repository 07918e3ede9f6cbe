<?cs include!"layout/top.cs" ?>
<div class="container-xl page-body"><h1 class="page-title mb-3"><?cs var:T.Workspace.Members.Title ?></h1>
<ul class="card member-list">
<?cs each:m = Members ?><li><span class="avatar" aria-hidden="true"><?cs call:icon("user") ?></span><div><strong><?cs if:m.Name ?><?cs var:m.Name ?><?cs else ?><?cs var:m.Email ?><?cs /if ?></strong><?cs if:m.You == "1" ?> <span class="badge bg-blue-lt"><?cs var:T.Workspace.Members.You ?></span><?cs /if ?><div class="text-secondary"><?cs var:m.Email ?></div></div><span class="member-role"><?cs var:m.Role ?></span></li>
<?cs /each ?></ul></div>
<?cs include!"layout/bottom.cs" ?>
