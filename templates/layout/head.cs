<?cs include!"layout/ui.cs" ?><!doctype html>
<html lang="<?cs var:Page.Language ?>" data-bs-theme="<?cs if:Page.Theme ?><?cs var:Page.Theme ?><?cs else ?>light<?cs /if ?>"<?cs if:!Page.Theme ?> data-theme-auto<?cs /if ?>>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?cs var:Page.Title ?> · <?cs var:Page.Brand ?></title>
<link rel="icon" href="/img/parley.svg" type="image/svg+xml">
<link rel="stylesheet" href="/vendor/tabler.min.css?v=<?cs var:Page.Version ?>">
<link rel="stylesheet" href="/css/portal.css?v=<?cs var:Page.Version ?>">
<script src="/js/theme.js?v=<?cs var:Page.Version ?>"></script>
<script src="/js/portal.js?v=<?cs var:Page.Version ?>" defer></script>
<?cs if:Page.Refresh ?><noscript><meta http-equiv="refresh" content="<?cs var:Page.Refresh ?>"></noscript>
<?cs /if ?></head>
