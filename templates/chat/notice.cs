<!doctype html>
<html lang="<?cs var:Page.Language ?>" dir="<?cs var:Page.Dir ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><?cs var:Title ?></title>
<link rel="stylesheet" href="/css/chat.css">
</head>
<body>
<main class="missing">
  <h1><?cs var:Title ?></h1>
  <?cs if:Words ?><p><?cs var:Words ?></p><?cs /if ?>
  <?cs if:Brand ?><footer><?cs var:Brand ?></footer><?cs /if ?>
</main>
</body>
</html>
