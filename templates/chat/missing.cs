<!doctype html>
<html lang="<?cs var:Page.Language ?>" dir="<?cs var:Page.Dir ?>">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title><?cs var:T.Chat.MissingTitle ?></title>
<link rel="stylesheet" href="/css/chat.css">
</head>
<body>
<main class="missing">
  <h1><?cs var:T.Chat.MissingTitle ?></h1>
  <p><?cs var:T.Chat.MissingText ?></p>
  <footer><?cs var:Brand ?></footer>
</main>
</body>
</html>
