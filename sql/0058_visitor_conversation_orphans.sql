DELETE FROM visitor_conversation
WHERE NOT EXISTS (
  SELECT 1 FROM conversation c
  WHERE c.tenant_id = visitor_conversation.tenant_id AND c.conversation_id = visitor_conversation.conversation_id
);
