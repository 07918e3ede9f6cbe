ALTER TABLE engine_call ADD KEY engine_call_conversation (tenant_id, conversation_id);
