<table class="table table-sm usage-table"><thead><tr><td></td><th scope="col"><?cs var:T.EngineUsage.Today ?></th><th scope="col"><?cs var:T.EngineUsage.Month ?></th></tr></thead><tbody>
<?cs each:u = Usage ?><tr><th scope="row"><?cs var:u.Label ?></th><td><?cs var:u.Day ?></td><td><?cs var:u.Month ?></td></tr>
<?cs /each ?></tbody></table>
<p class="form-hint mb-0"><?cs var:T.EngineUsage.Hint ?></p>
