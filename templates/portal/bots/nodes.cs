<?cs # A flow as a list to read: each node, what it does, where it leads. ?><ol class="node-list">
<?cs each:n = Nodes ?><li class="node" id="node-<?cs var:n.Id ?>"><div class="node-head"><span class="badge node-<?cs var:n.Type ?>"><?cs var:n.TypeText ?></span> <code><?cs var:n.Id ?></code><?cs if:n.Start == "1" ?> <span class="badge bg-green-lt"><?cs var:T.Bots.Flow.Start ?></span><?cs /if ?></div>
<?cs if:n.Text ?><p class="node-text"><?cs var:n.Text ?></p>
<?cs /if ?><?cs if:n.Detail ?><p class="node-detail text-secondary"><?cs var:n.Detail ?></p>
<?cs /if ?><?cs if:subcount(n.Targets) ?><ul class="node-targets"><?cs each:t = n.Targets ?><li><?cs call:icon("arrow-right") ?><span><?cs if:t.When ?><?cs var:t.When ?>: <?cs /if ?><a href="#node-<?cs var:t.Node ?>"><?cs var:t.Node ?></a></span></li><?cs /each ?></ul>
<?cs /if ?></li>
<?cs /each ?></ol>
