app_name = "intros"
urlpatterns = []
