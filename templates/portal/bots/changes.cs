<?cs # What differs, in words. ?><?cs if:subcount(Changes) ?><ul class="change-list">
<?cs each:c = Changes ?><li><?cs if:c.Kind == "added" ?><span class="badge bg-green-lt"><?cs var:T.Bots.Changes.Added ?></span><?cs elif:c.Kind == "removed" ?><span class="badge bg-red-lt"><?cs var:T.Bots.Changes.Removed ?></span><?cs else ?><span class="badge bg-blue-lt"><?cs var:T.Bots.Changes.Changed ?></span><?cs /if ?> <?cs if:c.Node ?><code><?cs var:c.Node ?></code><?cs else ?><?cs var:T.Bots.Changes.Flow ?><?cs /if ?> <?cs if:c.Place ?><span class="text-secondary"><?cs var:c.Place ?></span><?cs /if ?>
<?cs if:c.Before ?><del><span class="visually-hidden"><?cs var:T.Bots.Changes.Before ?> </span><?cs var:c.Before ?></del><?cs /if ?><?cs if:c.After ?><ins><span class="visually-hidden"><?cs var:T.Bots.Changes.After ?> </span><?cs var:c.After ?></ins><?cs /if ?></li>
<?cs /each ?></ul>
<?cs else ?><p class="text-secondary mb-0"><?cs var:T.Bots.Changes.None ?></p>
<?cs /if ?>
